"""Slopes of a trained surface against models trained apart, and their standard errors against repetitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.preconditions import PathOptions
from ib_cli.procedures.free_energy.spread import Spread
from ib_cli.procedures.free_energy.start import start
from ib_cli.procedures.free_energy.surface import Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface

pytestmark = pytest.mark.slow
DIGITS = (
    "dataset.train_size=null", "dataset.test_size=null", "architecture.widths=[32]", "bottleneck.size=4",
    "classifier=mlp", "classifier.widths=[12]", "decoder.widths=[32]", "lambda=1", "gamma=10", "batch_size=200",
    "epochs=150",
)  # fmt: skip
OPTIONS = PathOptions(10, 5e-3, copies=2, difference=0.1)


@pytest.fixture
def surface(tiny: Callable[..., Experiment]) -> TrainedSurface:
    """1,437 digits, 64–32–4."""
    return start(tiny(*DIGITS), None, OPTIONS)[0]


def test_slopes_are_those_of_models_that_were_trained_apart(
    surface: TrainedSurface, tiny: Callable[..., Experiment]
) -> None:
    """Single models, with other seeds, twice the epochs and twice the difference."""
    found, here, state = surface.slopes(("lambda", "gamma")), surface.here.measures["train"], surface.state()
    ends: dict[float, list[dict[str, float]]] = {0.8: [], 1.2: []}
    for factor, of_side in ends.items():
        for seed in (10, 11):
            alone = tiny(*DIGITS, f"seed={seed}", folder=f"alone {factor} {seed}")
            other = TrainedSurface(alone, replace(OPTIONS, equilibration=20))
            other.restore(state)
            of_side.append(dict(other.move(Place(factor, 10.0)).measures["train"]))
    for quantity, name in (("R", "R"), ("D", "D_error"), ("F", "F")):
        low, high = (sum(end[name] for end in of_side) / 2 for of_side in ends.values())
        assert found[quantity, "lambda"].value == pytest.approx((high - low) / 0.4, rel=0.25), quantity
    assert found["F", "lambda"].value == pytest.approx(here["D_error"], rel=0.05)  # the envelope theorem
    assert abs(found["C", "lambda"].value - found["D", "gamma"].value) < 4 * found["C", "lambda"].stderr  # Maxwell
    assert found["C", "gamma"].value < 0 and found["D", "lambda"].value < 0  # F is concave


def test_standard_errors_are_right_over_twenty_repetitions(surface: TrainedSurface) -> None:
    """z-scores about the mean of all, of first slopes and of those that pool the variance of the step before."""
    own, found = surface.experiment, []
    for repetition in range(20):
        surface.spread, of_repetition = Spread(), []
        for call in range(2):
            surface.experiment = replace(own, settings=replace(own.settings, seed=1_000 + 2 * repetition + call))
            of_repetition.append(surface.slopes(("lambda", "gamma")).of)
        found.append(of_repetition)
    for call in range(2):
        scores = []
        for key in found[0][0]:
            mean = sum(each[key].value for both in found for each in both) / 40
            scores += [(both[call][key].value - mean) / both[call][key].stderr for both in found]
        assert 0.7 < torch.tensor(scores).std() < 1.4, call


def test_f_is_about_the_same_before_and_after_an_equilibration(surface: TrainedSurface) -> None:
    """Figure 4a on a small twin: λ and γ change by 2 % and 4 %, F by less than 2 %, and by D Δλ + C Δγ."""
    before = surface.here.measures["train"]
    after = surface.move(Place(1.02, 10.4)).measures["train"]
    assert abs(after["F"] / before["F"] - 1) < 0.02
    assert after["F"] - before["F"] == pytest.approx(
        0.02 * before["D_error"] + 0.4 * before["C"], abs=0.01 * before["F"]
    )
