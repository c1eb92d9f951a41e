"""The surface of a network: its slopes, its random numbers, its checkpoints, and what it refuses."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.procedures.free_energy.equilibration import Hump
from ib_cli.procedures.free_energy.preconditions import PathOptions, start_place
from ib_cli.procedures.free_energy.start import settle, start
from ib_cli.procedures.free_energy.surface import Equilibrium, Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface
from ib_cli.system.signals import Interrupted
from tests.families import family

SHORT = (
    "procedure=iso_classification", "procedure.steps=2", "procedure.length=0.1", "procedure.equilibration=2",
    "procedure.copies=2", "procedure.tolerance=1", "procedure.difference=0.2", "procedure.peak=5e-3",
)  # fmt: skip


def test_the_learning_rate_of_an_equilibration_is_the_papers() -> None:
    hump = Hump(start=3, epochs=10, height=1.5)
    for t, s in ((3.5, 0.05), (5.0, 0.2), (9.0, 0.6)):
        peak = max((i / 1e4) ** 2 * (1 - i / 1e4) ** 5 for i in range(10_000))
        assert hump.factor(t) == pytest.approx(1.5 * s**2 * (1 - s) ** 5 / peak, rel=1e-6)
    assert hump.factor(2.0) == hump.factor(13.0) == 0 and hump.factor(3 + 20 / 7) == pytest.approx(1.5)


def run_until(made: Experiment, places: int, calls: int) -> Finished:
    """Run the procedure from its last checkpoint; a signal comes `calls` steps after so many places were recorded."""
    left = calls

    def stop() -> int | None:
        nonlocal left
        left -= sum(line["split"] == "test" and "path_step" in line for line in made.records.metrics.read()) >= places
        return signal.SIGTERM if left < 0 else None

    return made.procedure.run(replace(made, stop=stop), made.records.load_checkpoint(made.device))


# In the initial training, in a move, in the slopes after it (a move has 4 steps), and in the last slopes.
STOPS = ((0, 15), (1, 1), (1, 9), (2, 1), (2, 9))


@pytest.mark.slow
def test_a_path_that_is_stopped_anywhere_goes_on_to_the_same_numbers(tiny: Callable[..., Experiment]) -> None:
    words = (*SHORT, "epochs=40")
    whole = tiny(*words, folder="whole")
    finished = whole.procedure.run(whole, None)
    lines = whole.records.metrics.read()
    assert [line["path_step"] for line in lines if line["split"] == "train" and "path_step" in line] == [0, 1, 2]
    done = []
    for places, calls in STOPS:
        made = tiny(*words)
        with pytest.raises(Interrupted):
            run_until(made, places, calls)
        made.records.close()  # as another process
        checkpoint = made.records.load_checkpoint(made.device)
        done.append(checkpoint["path"]["steps"] if "path" in checkpoint else -1)
    assert done == [-1, 0, 1, 1, 2]
    made = tiny(*words)
    again = made.procedure.run(made, made.records.load_checkpoint(made.device))
    assert again.measures == finished.measures
    assert made.records.metrics.read() == lines
    for name, value in finished.params.items():
        assert torch.equal(value, again.params[name])


def at_start(made: Experiment, **keys: float) -> TrainedSurface:
    return start(made, None, PathOptions(**{"equilibration": 5, "peak": 2e-3, "copies": 2, **keys}))[0]


@pytest.mark.slow
def test_slopes_leave_the_model_and_are_the_same_again(tiny: Callable[..., Experiment]) -> None:
    surface = at_start(tiny("epochs=40"))
    before = {name: p.detach().clone() for name, p in surface.params.items()}
    found = surface.slopes(("lambda", "gamma"))
    assert all(torch.equal(p, before[name]) for name, p in surface.params.items())
    other = at_start(tiny("epochs=40", folder="again"))
    assert other.slopes(("lambda", "gamma")).of == found.of
    assert surface.here.measures == other.here.measures


def test_f_is_r_and_the_squared_error_and_c(tiny: Callable[..., Experiment]) -> None:
    surface = at_start(tiny("epochs=40"))
    for split, measures in surface.here.measures.items():
        assert measures["F"] == pytest.approx(measures["R"] + measures["D_error"] + 8 * measures["C"])
        assert measures["D"] == pytest.approx(measures["D_error"] + 32 * math.log(math.pi), rel=1e-5)  # 64 pixels
        assert measures["J"] == pytest.approx(measures["R"] + measures["D"] + 8 * measures["C"]), split


@pytest.mark.parametrize(
    "words, wrong",
    family(
        [
            (("lambda=0",), r"lambda=0: procedure=iso_classification walks where λ and γ are above 0"),
            (("gamma=0",), r"gamma=0: "),
            (("objective.minimise.R=2",), r"objective.minimise: .*R \+ λ D \+ γ C"),
            (("+objective.minimise.V=1",), r"objective.minimise: .*R \+ λ D \+ γ C"),
            (("averaging=0.9",), r"averaging=0.9: .*choose averaging=0"),
            (("procedure.alpha=0",), r"procedure.alpha=0: "),
            (("procedure.copies=1",), r"procedure.copies"),
            (("procedure.difference=0.3",), r"procedure.difference"),
            (("procedure.peak=0",), r"procedure.peak"),
        ],
        every=2,
    ),
)
def test_what_has_no_path_is_refused(tiny: Callable[..., Experiment], words: tuple[str, ...], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        tiny(*SHORT, *words)


class Falling:
    """A surface on which each equilibration brings F to the next of these values."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def measure(self, place: Place) -> Equilibrium:
        return Equilibrium(place, {"train": {"F": self.values.pop(0)}}, 0.5, 0, 0)

    move = measure


def test_a_start_that_is_not_on_the_surface_is_told_and_equilibrated_until_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    surface = Falling(20.0, 15.0, 14.9)
    settle(surface, Place(1.0, 8.0))
    assert not surface.values
    assert "the start is not on the surface yet: an equilibration changed F by -25 %; another follows" in caplog.text
    assert len(caplog.records) == 1
    with pytest.raises(RunFailedError, match=r"after 5 equilibrations F still changes by -25 % in one: raise epochs"):
        settle(Falling(*(0.75**i for i in range(6))), Place(1.0, 8.0))


def test_numbers_that_run_away_are_told(tiny: Callable[..., Experiment]) -> None:
    wrong = r"became \w+ in epoch \d+, step \d+: procedure.peak=1e\+06 may be too large"
    with pytest.raises(RunFailedError, match=wrong):
        at_start(tiny("bottleneck.scale=exp", "epochs=1"), peak=1e6)
    surface = at_start(tiny("bottleneck.scale=exp", "epochs=40", folder="copies"))
    surface.options, surface._equilibrator = replace(surface.options, peak=1e6), None
    with pytest.raises(RunFailedError, match=wrong):
        surface.slopes(("lambda",))


def test_the_start_is_the_experiments_own(tiny: Callable[..., Experiment]) -> None:
    assert start_place(tiny(), "equilibrate") == Place(1.0, 8.0)
