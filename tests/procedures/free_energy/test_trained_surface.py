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
from ib_cli.procedures.free_energy.start import start
from ib_cli.procedures.free_energy.surface import Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface
from ib_cli.system.signals import Interrupted

SHORT = (
    "procedure=iso_classification", "procedure.steps=2", "procedure.length=0.1", "procedure.equilibration=2",
    "procedure.copies=2", "procedure.tolerance=1", "procedure.difference=0.2", "procedure.peak=1e-2",
)  # fmt: skip


def test_the_learning_rate_of_an_equilibration_is_the_papers() -> None:
    hump = Hump(start=3, epochs=10, height=1.5)
    for t, s in ((3.5, 0.05), (5.0, 0.2), (9.0, 0.6)):
        peak = max((i / 1e4) ** 2 * (1 - i / 1e4) ** 5 for i in range(10_000))
        assert hump.factor(t) == pytest.approx(1.5 * s**2 * (1 - s) ** 5 / peak, rel=1e-6)
    assert hump.factor(2.0) == hump.factor(13.0) == 0 and hump.factor(3 + 20 / 7) == pytest.approx(1.5)


def run_to(made: Experiment, calls: int | None, checkpoint: dict | None = None) -> Finished:
    """Run the procedure; a signal comes at the call `calls` of `stop`."""
    left = [calls]

    def stop() -> int | None:
        if left[0] is None:
            return None
        left[0] -= 1
        return signal.SIGTERM if left[0] < 0 else None

    return made.procedure.run(replace(made, stop=stop), checkpoint)


def test_a_path_that_is_stopped_anywhere_goes_on_to_the_same_numbers(tiny: Callable[..., Experiment]) -> None:
    whole = tiny(*SHORT, folder="whole")
    counted = [0]

    def count() -> None:
        counted[0] += 1

    finished = whole.procedure.run(replace(whole, stop=count), None)
    lines = whole.records.metrics.read()
    assert [line["path_step"] for line in lines if line["split"] == "train" and "path_step" in line] == [0, 1, 2]
    made, stops = tiny(*SHORT), 0
    for calls in (counted[0] // 9, counted[0] // 3, counted[0] // 3, counted[0] // 3):
        with pytest.raises(Interrupted):
            run_to(made, calls, made.records.load_checkpoint(made.device))
        made.records.close()
        made, stops = tiny(*SHORT), stops + 1  # as another process
    checkpoint = made.records.load_checkpoint(made.device)
    assert checkpoint["path"]["steps"] >= 1
    again = run_to(made, None, checkpoint)
    assert again.measures == finished.measures
    assert made.records.metrics.read() == lines
    for name, value in finished.params.items():
        assert torch.equal(value, again.params[name])


def at_start(made: Experiment, **keys: float) -> TrainedSurface:
    return start(made, None, PathOptions(**{"equilibration": 5, "peak": 1e-2, "copies": 2, **keys}))[0]


def test_slopes_leave_the_model_and_are_the_same_again(tiny: Callable[..., Experiment]) -> None:
    surface = at_start(tiny())
    before = {name: p.detach().clone() for name, p in surface.params.items()}
    found = surface.slopes(("lambda", "gamma"))
    assert all(torch.equal(p, before[name]) for name, p in surface.params.items())
    other = at_start(tiny(folder="again"))
    assert other.slopes(("lambda", "gamma")).of == found.of
    assert surface.here.measures == other.here.measures


def test_f_is_r_and_the_squared_error_and_c(tiny: Callable[..., Experiment]) -> None:
    made = tiny()
    surface = at_start(made)
    for split, measures in surface.here.measures.items():
        assert measures["F"] == pytest.approx(measures["R"] + measures["D_error"] + 8 * measures["C"])
        assert measures["D"] == pytest.approx(measures["D_error"] + 32 * math.log(math.pi), rel=1e-5)  # 64 pixels
        assert measures["J"] == pytest.approx(measures["R"] + measures["D"] + 8 * measures["C"]), split


@pytest.mark.parametrize(
    "words, wrong",
    [
        (("lambda=0",), r"lambda=0: procedure=iso_classification walks where λ and γ are above 0"),
        (("gamma=0",), r"gamma=0: "),
        (("objective=vib",), r"objective.minimise: .*R \+ λ D \+ γ C"),
        (("averaging=0.9",), r"averaging=0.9: .*choose averaging=0"),
        (("procedure.alpha=0",), r"procedure.alpha=0: "),
        (("procedure.copies=1",), r"procedure.copies"),
        (("procedure.difference=0.3",), r"procedure.difference"),
        (("procedure.peak=0",), r"procedure.peak"),
    ],
)
def test_what_has_no_path_is_refused(tiny: Callable[..., Experiment], words: tuple[str, ...], wrong: str) -> None:
    kept = [word for word in ("lambda=1", "gamma=8") if words[0] == "objective=vib" and word == "lambda=1"]
    with pytest.raises(ConfigError, match=wrong):
        tiny(*SHORT, *(f"~{word}" for word in kept), *words)


def test_a_start_that_is_not_on_the_surface_is_told_and_equilibrated(
    tiny: Callable[..., Experiment], caplog: pytest.LogCaptureFixture
) -> None:
    surface = at_start(tiny("epochs=1"), equilibration=20)
    assert "the start is not on the surface yet: an equilibration changed F by -" in caplog.text
    assert surface.here.epochs > 21
    with pytest.raises(
        RunFailedError, match=r"not on the surface: after 5 equilibrations F still changes by -\d.*raise"
    ):
        at_start(tiny("epochs=1", folder="never"), equilibration=1, peak=1e-3)


def test_numbers_that_run_away_are_told(tiny: Callable[..., Experiment]) -> None:
    with pytest.raises(RunFailedError, match=r"equilibration: .* became nan.*: lower procedure.peak$"):
        at_start(tiny("bottleneck.scale=exp"), peak=1e6)
    surface = at_start(tiny("bottleneck.scale=exp", folder="copies"))
    surface.options = replace(surface.options, peak=1e6)
    with pytest.raises(RunFailedError, match=r"lower procedure.peak$"):
        surface.slopes(("lambda",))


def test_the_start_is_the_experiments_own(tiny: Callable[..., Experiment]) -> None:
    assert start_place(tiny(), "equilibrate") == Place(1.0, 8.0)
