"""The loop of a path on a surface in closed form: the way it takes, what it records, what it refuses."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from ib_cli.contracts.errors import RunFailedError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.iso_classification import IsoController
from ib_cli.procedures.free_energy.laws import residuals
from ib_cli.procedures.free_energy.path import Change, Path, uncertainty
from ib_cli.procedures.free_energy.surface import Estimated, Place
from tests.procedures.free_energy.quadratic_surface import P, Q, QuadraticSurface, S

START = Place(1.0, 2.0)


def path(experiment: Experiment, surface: QuadraticSurface, checkpoint: dict | None = None, **keys: float) -> Path:
    options = {"steps": 5, "alpha": 0.1, "length": None, "tolerance": 0.1, "correct": 0.0} | keys
    controller = IsoController(options["steps"], options["alpha"], options["length"])
    tolerance, correct = options["tolerance"], options["correct"]
    return Path(experiment, surface, controller, tolerance, "lower procedure.alpha", checkpoint, correct=correct)


def lines(experiment: Experiment, split: str = "train") -> list[dict]:
    return [line for line in experiment.records.metrics.read() if line["split"] == split]


def test_it_follows_the_level_set_of_c_and_records_each_step(experiment: Callable[..., Experiment]) -> None:
    made, surface = experiment(), QuadraticSurface(START)
    finished = path(made, surface).follow()
    found = lines(made)
    assert (
        [line["path_step"] for line in found] == list(range(6)) == [line["path_step"] for line in lines(made, "test")]
    )
    for k, line in enumerate(found):
        assert line["C"] == pytest.approx(found[0]["C"], rel=1e-12)
        assert line["lambda"] == pytest.approx(START.lambda_ + k * 0.1 * S)  # −α ∂C/∂γ
        assert line["gamma"] == pytest.approx(START.gamma - k * 0.1 * Q)  # α ∂C/∂λ
        assert line["dC/dlambda"] == -Q and line["dC/dgamma"] == -S and line["dC/dlambda_stderr"] == 0
        assert line["dF/dlambda"] == pytest.approx(line["D"]) and line["dF/dgamma"] == pytest.approx(line["C"])
        assert line["maxwell"] == 0 and line["hessian_largest"] < 0
        assert line["gradient_norm"] == 0 and line["t"] == 0
    assert "rate_balance" not in found[0]
    assert all(abs(line["rate_balance"]) < 1e-9 for line in found[1:])
    assert found[-1]["D"] < found[0]["D"] and found[-1]["R"] > found[0]["R"]
    assert finished.measures["train"]["path_steps"] == 5 and finished.measures["train"]["C_drift"] < 1e-12
    assert finished.measures["train"]["C_0"] == found[0]["C"]
    assert finished.measures["test"]["D"] == found[-1]["D"] and finished.epochs == 15
    assert "dC/dlambda" not in lines(made, "test")[0]


def test_a_length_is_of_ln_lambda_and_ln_gamma_and_a_negative_alpha_goes_back(
    experiment: Callable[..., Experiment],
) -> None:
    for alpha in (3.0, -3.0):
        made = experiment(folder=f"run{alpha}")
        path(made, QuadraticSurface(START), length=0.01, alpha=alpha, steps=2).follow()
        found = lines(made)
        for before, after in pairwise(found):
            steps = [(after[name] - before[name]) / before[name] for name in ("lambda", "gamma")]
            assert math.hypot(*steps) == pytest.approx(0.01)
        assert (found[-1]["D"] < found[0]["D"]) == (alpha > 0)


def test_a_path_that_was_killed_goes_on_to_the_same_numbers(experiment: Callable[..., Experiment]) -> None:
    whole = experiment(folder="whole")
    expected = path(whole, QuadraticSurface(START)).follow().measures
    for killed_at in range(5):
        made = experiment(folder=f"killed{killed_at}")
        broken = QuadraticSurface(START)

        def move(place: Place, of: QuadraticSurface = broken, last: int = killed_at) -> None:
            if of.moves == last:
                raise KeyboardInterrupt
            return QuadraticSurface.move(of, place)

        broken.move = move
        with pytest.raises(KeyboardInterrupt):
            path(made, broken).follow()
        checkpoint = made.records.load_checkpoint(made.device)
        assert checkpoint["path"]["steps"] == killed_at
        surface = QuadraticSurface(START)
        surface.restore(checkpoint)
        assert path(made, surface, checkpoint).follow().measures == expected
        assert made.records.metrics.read() == whole.records.metrics.read()


def test_a_drift_of_c_stops_it_and_names_the_step_and_the_key(experiment: Callable[..., Experiment]) -> None:
    made = experiment()
    with pytest.raises(RunFailedError, match=r"step 3: C = .* has drifted by 1\d % .*lower procedure.alpha"):
        path(made, QuadraticSurface(START, bend=0.12)).follow()
    assert [line["path_step"] for line in lines(made)] == [0, 1, 2, 3]  # the last is told, too


def test_a_tiny_drift_is_told_beside_the_tiny_tolerance_that_it_exceeds(experiment: Callable[..., Experiment]) -> None:
    with pytest.raises(RunFailedError, match=r"drifted by \d\.\de-07 % from .*procedure\.tolerance=1e-09"):
        path(experiment(), QuadraticSurface(START, bend=1e-8), tolerance=1e-9).follow()


def test_a_c_of_0_has_drifted_where_it_is_no_more(experiment: Callable[..., Experiment]) -> None:
    made = experiment()
    walk = path(made, QuadraticSurface(START))
    walk.C_0 = 0.0
    with pytest.raises(RunFailedError, match=r"step 0: C = .* has drifted by inf % from 0, and procedure"):
        walk.follow()


def test_a_share_of_the_drift_is_taken_back_by_the_shortest_way(experiment: Callable[..., Experiment]) -> None:
    """C rises by 0.12 a step: with a half taken back it stays within 2 · 0.12, and all else is as (31) says."""
    made = experiment()
    path(made, QuadraticSurface(START, bend=0.12), correct=0.5, steps=12, alpha=0.05).follow()
    found = lines(made)
    assert max(abs(line["C"] - found[0]["C"]) for line in found) < 0.24
    first, second, third = found[:3]
    plain = (0.05 * S, -0.05 * Q)
    extra = [third[n] - second[n] - by for n, by in zip(("lambda", "gamma"), plain)]
    # along the gradient of C in ln λ and ln γ, (λ ∂C/∂λ, γ ∂C/∂γ), and by half of the drift
    assert extra[0] / second["lambda"] ** 2 / -Q == pytest.approx(extra[1] / second["gamma"] ** 2 / -S)
    assert -Q * extra[0] - S * extra[1] == pytest.approx(0.5 * (first["C"] - second["C"]))


def test_a_step_that_would_leave_the_surface_is_shortened(
    experiment: Callable[..., Experiment], caplog: pytest.LogCaptureFixture
) -> None:
    made = experiment()
    with caplog.at_level(logging.WARNING):
        path(made, QuadraticSurface(START), alpha=-10.0, steps=1, tolerance=10.0).follow()
    last = lines(made)[-1]
    assert min(last["lambda"] / START.lambda_, last["gamma"] / START.gamma) == pytest.approx(0.5)
    assert "step 1 is shortened to 0.2 of itself: it would change" in caplog.text


def test_noise_is_tried_again_with_larger_differences_and_refused(experiment: Callable[..., Experiment]) -> None:
    surface = QuadraticSurface(START, errors={1.0: 1.0, 2.0: 0.5, 4.0: 0.05})
    path(experiment(folder="wider"), surface, steps=1).follow()
    assert surface.asked == [1.0, 2.0, 4.0, 1.0]  # the last place needs no step
    with pytest.raises(RunFailedError, match=r"step 1: the slopes are noise \(.*∂C/∂λ.*\): raise procedure.copies"):
        path(experiment(folder="noise"), QuadraticSurface(START, errors=dict.fromkeys((1.0, 2.0, 4.0), 1.0))).follow()


def test_the_uncertainty_of_a_step_is_relative_and_a_moving_law_needs_no_step() -> None:
    assert uncertainty(Place(2, 4), Change(Estimated(0.2, 0.02), Estimated(0.0, 0.0))) == pytest.approx(0.1)
    assert uncertainty(Place(2, 4), Change(Estimated(0.0), Estimated(0.0))) == 0
    assert uncertainty(Place(2, 4), Change(Estimated(0.0, 0.1), Estimated(0.0))) == math.inf
    assert uncertainty(Place(2, 4), Change(Estimated(0.0, 0.1), Estimated(0.0), 0.02)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["C", "R"])
def test_what_is_no_number_is_told(experiment: Callable[..., Experiment], name: str) -> None:
    surface = QuadraticSurface(START)
    here = surface.here
    here.measures["train"][name] = math.nan

    class Broken(QuadraticSurface):
        @property
        def here(self) -> object:
            return here if self.moves else super().here

    with pytest.raises(RunFailedError, match=f"step 1: {name} is nan: lower procedure.peak"):
        path(experiment(), Broken(START)).follow()


def test_slopes_that_are_no_numbers_are_told(experiment: Callable[..., Experiment]) -> None:
    surface = QuadraticSurface(START, errors={1.0: math.nan})
    with pytest.raises(RunFailedError, match=r"step 1: dF/dlambda_stderr is nan: lower procedure.peak"):
        path(experiment(), surface).follow()


def test_residuals_are_those_of_the_hessian() -> None:
    found = residuals(QuadraticSurface(START, errors={1.0: 0.3}).slopes(("lambda", "gamma")))
    middle, half = (P + S) / 2, (P - S) / 2
    assert found["hessian_largest"] == pytest.approx(-middle + math.hypot(half, Q))
    assert found["maxwell_stderr"] == pytest.approx(0.3 * math.sqrt(2))
    assert residuals(QuadraticSurface(START).slopes(("lambda",))) == {}
