"""Transfers: the way that their steps take on a known surface, and runs of a small network from digits to digits."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.domains import laws, measured_on_the_way
from ib_cli.procedures.free_energy.geodesic_transfer import GeodesicController
from ib_cli.procedures.free_energy.path import Controller, Path
from ib_cli.procedures.free_energy.preconditions import with_error
from ib_cli.procedures.free_energy.steps import Steps
from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Estimated, Place, Slopes
from ib_cli.procedures.free_energy.transfer import HeuristicController
from ib_cli.system.signals import Interrupted
from tests.families import family
from tests.procedures.free_energy.test_rates import derivative, distortion, error, free_energy, rate

# A network of a few thousand parameters from digits 0–4 to digits 5–9, 100 of each domain.
TINY = (
    "dataset=transfer", "dataset.of=digits", "dataset.train_size=80", "dataset.test_size=40", "objective=free_energy",
    "dataset.likelihood=gaussian", "decoder.scale=0.70710678", "decoder.widths=[16]", "lambda=1", "gamma=4",
    "epochs=50", "schedule=cosine", "optimizer.lr=1e-2", "batch_size=50", "eval_samples=2", "evaluate_every=60",
)  # fmt: skip
OPTIONS = ("procedure.equilibration=4", "procedure.steps=3", "procedure.peak=1e-3")
SLOPES = (
    "procedure.copies=3", "procedure.tolerance=100", "procedure.difference=0.1", "procedure.held=0.5",
)  # fmt: skip


class KnownSurface:
    """The surface of `free_energy`, with exact slopes."""

    def __init__(self, place: Place) -> None:
        self.place, self.moves = place, 0

    @property
    def here(self) -> Equilibrium:
        R, D, C, F = (function(*self.place) for function in (rate, distortion, error, free_energy))
        measures = {"R": R, "D": D, "D_error": D, "C": C, "F": F}
        return Equilibrium(self.place, {"train": measures}, 0.0, self.moves, self.moves)

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        ways: tuple[Direction, ...] = ("lambda", "gamma", "t")
        of = {
            (quantity, way): Estimated(derivative(function, self.place, ways.index(way), 1e-4))
            for quantity, function in (("D", distortion), ("C", error))
            for way in directions
        }
        return Slopes(of, Estimated(derivative(free_energy, self.place, 2)))  # type: ignore[arg-type]

    def move(self, place: Place) -> Equilibrium:
        self.place, self.moves = place, self.moves + 1
        return self.here

    def state(self) -> dict[str, Any]:
        return {"place": list(self.place)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.place = Place(*state["place"])


def walked(experiment: Experiment, controller: Controller) -> list[dict[str, float]]:
    """The lines of a path over the known surface."""
    Path(experiment, KnownSurface(Place(1.3, 2.1)), controller, 0.5, "raise procedure.steps").follow()
    return experiment.records.metrics.read()


def test_a_geodesic_keeps_the_error_and_goes_straight(experiment: Callable[..., Experiment]) -> None:
    drifts, bends = [], []
    for steps in (20, 40):
        found = walked(experiment(folder=f"{steps}"), GeodesicController(steps, -2.0))
        assert len(found) == steps + 1 and found[-1]["t"] == 1.0
        assert [line["t"] for line in found] == pytest.approx([n / steps for n in range(steps + 1)])
        ends = found[0], found[-1]
        bends.append(abs((ends[1]["D"] - ends[0]["D"]) / (ends[1]["R"] - ends[0]["R"]) + 2))
        drifts.append(max(abs(line["C"] / found[0]["C"] - 1) for line in found))
    assert abs(ends[1]["R"] - ends[0]["R"]) > 0.1  # it moves
    for errors, least in ((drifts, 0.02), (bends, 0.2)):  # of first order in the step
        assert errors[1] < least and errors[1] < 0.7 * errors[0]


def test_the_heuristic_keeps_the_error_while_lambda_changes_at_its_rate(experiment: Callable[..., Experiment]) -> None:
    found = walked(experiment(), HeuristicController(20, -0.7))
    assert [line["lambda"] for line in found] == pytest.approx([1.3 - 0.7 * n / 20 for n in range(21)])
    assert max(abs(line["C"] / found[0]["C"] - 1) for line in found) < 0.02


def test_near_the_source_lambda_and_gamma_may_be_held(experiment: Callable[..., Experiment]) -> None:
    for controller in (GeodesicController(5, -2.0, held=0.3), HeuristicController(5, -0.7, held=0.3)):
        found = walked(experiment(folder=type(controller).__name__), controller)
        assert [line["lambda"] for line in found[:3]] == [1.3, 1.3, 1.3] and found[-1]["t"] == 1.0
        assert [line["gamma"] for line in found[:3]] == [2.1, 2.1, 2.1]
        assert found[3]["lambda"] != 1.3 and found[3]["gamma"] != 2.1


def test_steps_end_at_the_target_also_after_shorter_ones() -> None:
    for first in (0.0, 0.013, 0.1, 0.99):
        steps, t, count = Steps(7), first, 0
        while t < 1:
            t, count = t + steps.size(t), count + 1
        assert t == 1.0 and count == math.ceil(7 * (1 - first) - 1e-6)
    assert Steps(7).size(1.0) == 0


def test_a_pace_makes_the_first_steps_small() -> None:
    steps, t, seen = Steps(10, 2.0), 0.0, []
    while t < 1:
        t += steps.size(t)
        seen.append(t)
    assert seen == pytest.approx([(k / 10) ** 2 for k in range(1, 11)]) and t == 1.0


def test_no_slopes_are_taken_while_lambda_and_gamma_are_held() -> None:
    for controller in (GeodesicController(5, -2.0, held=0.3), HeuristicController(5, -0.7, held=0.3)):
        assert controller.directions(Place(1.0, 2.0, 0.29)) == ()
        assert controller.directions(Place(1.0, 2.0, 0.3)) == ("lambda", "gamma", "t")


def of_step(experiment: Experiment, split: str = "train") -> list[dict[str, float]]:
    lines = experiment.records.metrics.read()
    return [line for line in lines if line["split"] == split and "path_step" in line]


def test_measures_on_the_way_are_those_of_the_domains_mixed(experiment: Callable[..., Experiment]) -> None:
    made = with_error(experiment(*TINY, "epochs=1"))
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    data_at = laws(made)
    assert data_at(0.3) is data_at(0.3)
    for split in ("train", "test"):
        found = measured_on_the_way(made, data_at, 0.3, params, buffers, split)
        ends = [Evaluation(replace(made, data=data_at(t))).of(params, split) for t in (0.0, 1.0)]
        union = Evaluation(replace(made, data=data_at(0.3))).of(params, split)
        for name in ("R", "D", "D_error", "C", "J", "accuracy", "error"):
            assert found[name] == pytest.approx(0.7 * ends[0][name] + 0.3 * ends[1][name], rel=1e-6)
            assert found[name] == pytest.approx(union[name], rel=0.05, abs=0.03)  # other draws of z
        for domain, end in zip(("source", "target"), ends):
            for name in ("R", "D", "D_error", "C", "accuracy"):
                assert found[f"{name}_{domain}"] == end[name]
        assert found["H[Y]"] == union["H[Y]"] > max(end["H[Y]"] for end in ends)


def test_measures_of_optimal_transport_are_at_t_itself(experiment: Callable[..., Experiment]) -> None:
    pytest.importorskip("ot", reason="POT is an extra")
    made = with_error(experiment(*TINY, "epochs=1", "dataset.path=transport"))
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    found = measured_on_the_way(made, laws(made), 0.5, params, buffers, "test")
    at_t = Evaluation(replace(made, data=made.data.at(0.5))).of(params, "test")
    assert found["C"] == at_t["C"] and found["D"] == at_t["D"]
    assert abs(found["D"] - (found["D_source"] + found["D_target"]) / 2) > 1e-3 * found["D"]


def run_to(made: Experiment, calls: int | None, checkpoint: dict | None = None) -> Any:
    """Run the procedure; a signal comes at the call `calls` of `stop`."""
    left = [calls]

    def stop() -> int | None:
        if left[0] is None:
            return None
        left[0] -= 1
        return signal.SIGTERM if left[0] < 0 else None

    return made.procedure.run(replace(made, stop=stop), checkpoint)


def check_lines(steps: list[dict[str, float]]) -> None:
    """Lines of the steps of a transfer that has ended."""
    assert steps[-1]["t"] == 1 and [line["path_step"] for line in steps] == list(range(len(steps)))
    assert all(later["epoch"] - before["epoch"] == 4 for before, later in pairwise(steps))
    for line in steps:
        for name in ("R", "C", "D_error", "accuracy"):
            mixed = (1 - line["t"]) * line[f"{name}_source"] + line["t"] * line[f"{name}_target"]
            assert line[name] == pytest.approx(mixed, rel=1e-9)


def test_a_transfer_that_is_stopped_goes_on_to_the_same_numbers(experiment: Callable[..., Experiment]) -> None:
    # λ and γ are held to the end, as the surface of so few samples is too rough for steps; slopes are taken at t = 1.
    words = (*TINY, "procedure=transfer", *OPTIONS, *SLOPES, "procedure.lambda_rate=-0.3", "procedure.held=0.9")
    whole, counted = experiment(*words, folder="whole"), [0]

    def count() -> None:
        counted[0] += 1

    finished = whole.procedure.run(replace(whole, stop=count), None)
    lines, made = whole.records.metrics.read(), experiment(*words)
    for calls in (counted[0] // 2, counted[0] // 4):
        with pytest.raises(Interrupted):
            run_to(made, calls, made.records.load_checkpoint(made.device))
        made.records.close()
        made = experiment(*words)  # as another process
    again = run_to(made, None, made.records.load_checkpoint(made.device))
    assert again.measures == finished.measures and made.records.metrics.read() == lines
    for name, value in finished.params.items():
        assert torch.equal(value, again.params[name])
    steps = of_step(whole)
    check_lines(steps)
    assert steps[0]["t"] == 0 and "dC/dt_stderr" not in steps[0]  # λ and γ are held there
    assert "dC/dt_stderr" in steps[-1] and "dR/dt" in steps[-1]
    assert [line["lambda"] for line in steps] == [1, 1, 1, 1] and [line["gamma"] for line in steps] == [4, 4, 4, 4]
    last = of_step(whole, "test")[-1]
    assert finished.measures["test"] == {name: last[name] for name in finished.measures["test"]}


@pytest.mark.slow
def test_direct_transfer_starts_where_the_source_ends_or_from_scratch(experiment: Callable[..., Experiment]) -> None:
    last = {}
    for start in ("source", "scratch"):
        made = experiment(*TINY, "procedure=direct_transfer", *OPTIONS, f"procedure.start={start}", folder=start)
        made.procedure.run(made, None)
        last[start] = of_step(made)
        check_lines(last[start])
        assert len(last[start]) == 4 and all(line["t"] == 1 and line["gamma"] == 4 for line in last[start])
    assert last["source"][0]["accuracy_target"] == 0 and last["source"][0]["accuracy_source"] > 0.6
    assert last["scratch"][0]["accuracy_target"] > 0.6 and last["scratch"][0]["accuracy_source"] == 0
    assert last["source"][-1]["C_target"] < last["source"][0]["C_target"]


@pytest.mark.parametrize(
    ("words", "wrong"),
    family(
        [
            (("procedure=geodesic_transfer", "dataset=digits"), "choose dataset=transfer"),
            (("procedure=direct_transfer", "dataset=digits"), "choose dataset=transfer"),
            (("procedure=transfer", "lambda=0"), "lambda=0: procedure=transfer walks where λ and γ are above 0"),
            (("procedure=geodesic_transfer", "gamma=0"), "gamma=0: procedure=geodesic_transfer"),
            (("procedure=transfer", "procedure.lambda_rate=-1.5"), "procedure.lambda_rate=-1.5: λ goes from 1 to -0.5"),
            (("procedure=geodesic_transfer", "procedure.slope=-1"), "procedure.slope=-1: is −1/λ"),
        ],
        every=2,
    ),
)
def test_what_has_no_way_is_refused_in_one_line(
    experiment: Callable[..., Experiment], words: tuple[str, ...], wrong: str
) -> None:
    own = [word for word in TINY if not (words[1] == "dataset=digits" and word.startswith(("dataset=", "dataset.of")))]
    with pytest.raises(ConfigError) as told:
        experiment(*own, *words)
    assert wrong in str(told.value) and "\n" not in str(told.value)


def test_an_error_that_drifts_ends_the_transfer_with_its_step_and_a_remedy(
    experiment: Callable[..., Experiment],
) -> None:
    made = experiment(*TINY, "procedure=transfer", *OPTIONS, *SLOPES, "procedure.tolerance=1e-3", "procedure.copies=2")
    with pytest.raises(
        RunFailedError, match=r"step 1: C = .* drifted .*: raise procedure.steps or procedure.pace, or raise"
    ):
        made.procedure.run(made, None)
    assert of_step(made)[-1]["path_step"] == 1  # the place that is too far is recorded
