"""TherML (27) at a held S, (30) and (31) on a law of the parameters that is known in closed form, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.laws.relation import Relation
from ib_cli.report.laws.thermodynamics import Thermodynamics
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from tests.report.laws.lawful import write_grid

N = 20  # training samples
MATRICES = {
    "R": np.array([[1.0, 0.2, 0.0], [0.2, 0.6, 0.1], [0.0, 0.1, 0.4]]),
    "C": np.array([[0.5, 0.0, 0.3], [0.0, 1.5, 0.0], [0.3, 0.0, 0.9]]),
    "D": np.array([[2.0, 0.1, 0.0], [0.1, 0.3, 0.2], [0.0, 0.2, 1.1]]),
}
CENTRES = {"R": np.zeros(3), "C": np.array([1.0, -0.5, 0.3]), "D": np.array([-0.4, 0.8, 1.2])}
GRID = {
    "gamma": [1.0, 1.1, 1.21, 1.331, 1.464],
    "delta": [0.5, 0.55, 0.605, 0.6655, 0.732],
    "sigma": [4.0, 4.4, 4.84, 5.324, 5.856],
}


def boltzmann(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
    """Means under q(θ) exp(−N J₀/σ)/Z (TherML eq. 19), J₀ a sum of quadratic functions of θ ∈ ℝ³, q = N(0, 1)."""
    weights = {"R": multipliers["rho"], "C": multipliers["gamma"], "D": multipliers["delta"]}
    beta = N / multipliers["sigma"]
    precision = np.eye(3) + beta * sum(weights[f] * MATRICES[f] for f in weights)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (beta * sum(weights[f] * MATRICES[f] @ CENTRES[f] for f in weights))
    for f, A in MATRICES.items():
        away = mean - CENTRES[f]
        measures[f] = 0.5 * float(np.trace(A @ covariance) + away @ A @ away)
    S = 0.5 * (np.trace(covariance) + mean @ mean - 3 + np.linalg.slogdet(precision)[1])
    measures["S/N"] = float(S / N)
    measures["J"] = sum(weights[f] * measures[f] for f in weights) + multipliers["sigma"] * measures["S/N"]


def laws(folder: Path, grid: Mapping[str, list[float]] = GRID, disturb=boltzmann) -> Thermodynamics:
    found = contents(Reader().read([write_grid(folder, grid, disturb=disturb)]), thermodynamics=True).thermodynamics
    assert found is not None
    return found


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Relation]:
    found = laws(tmp_path_factory.mktemp("laws") / "study")
    return {relation.statement: relation for relation in found.relations}


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "(∂δ/∂C)_D,S/N = (∂γ/∂D)_C,S/N",
        "(∂σ/∂C)_S/N,D = (∂γ/∂(S/N))_C,D",
        "(∂σ/∂D)_S/N,C = (∂δ/∂(S/N))_D,C",
    ],
)
def test_mixed_derivatives_of_the_rate_at_held_entropy(exact: dict[str, Relation], statement: str) -> None:
    relation = exact[statement]
    assert np.isfinite(relation.value).sum() == 27  # all cells inside the grid
    assert np.nanmax(relation.relative) < 0.01
    middle = (2, 2, 2)
    assert relation.value[middle] != 0


@pytest.mark.slow
def test_they_are_derivatives_of_the_multipliers(exact: dict[str, Relation]) -> None:
    """(∂γ/∂D)_CS at the middle, against finite differences of an exact inversion (Newton's method on (C, D, S))."""
    names, place = ("gamma", "delta", "sigma"), np.array([1.21, 0.605, 4.84])

    def state(at: np.ndarray) -> np.ndarray:
        found: dict[str, float] = {}
        boltzmann(found, {"rho": 1.0, **dict(zip(names, at))}, 0)
        return np.array([found["C"], found["D"], found["S/N"]])

    def at_state(target: np.ndarray) -> np.ndarray:
        at = place.copy()
        for _ in range(30):
            jacobian = np.stack([(state(at + h) - state(at - h)) / 2e-5 for h in 1e-5 * np.eye(3)], 1)
            at = at + np.linalg.solve(jacobian, target - state(at))
        return at

    step = 1e-4 * np.array([0, 1, 0])
    slope = (at_state(state(place) + step) - at_state(state(place) - step))[0] / 2e-4
    found = exact["(∂δ/∂C)_D,S/N = (∂γ/∂D)_C,S/N"]
    assert found.prediction[2, 2, 2] == pytest.approx(slope, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "ρ dR = −γ dC − δ dD − σ dS/N along σ",
        "(∂(S/N)/∂C)_σ = −(∂γ/∂σ)_C",
        "(∂R/∂σ)_D",
        "∂J/∂σ = S/N",
    ],
)
def test_laws_with_the_entropy(exact: dict[str, Relation], statement: str) -> None:
    assert np.nanmax(exact[statement].relative) < 0.02


@pytest.mark.slow
def test_recorded_errors_are_carried_to_the_laws(tmp_path: Path) -> None:
    """One seed of sampled runs: S/N is off by its standard error, and ∂J/∂σ = S/N says so."""
    error = {"R": 1e-4, "C": 1e-4, "D": 1e-4, "S/N": 2e-3, "F": 1e-4}

    def sampled(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        boltzmann(measures, multipliers, seed)
        measures["F"] = measures["J"]
        measures["J"] -= multipliers["sigma"] * measures["S/N"]
        rng = np.random.default_rng(round(1e6 * sum(multipliers.values())))
        for name, size in error.items():
            measures[name] += size * rng.standard_normal()
            measures[f"{name}_stderr"] = size
        measures["J_stderr"] = 1.0  # of J without σ S/N: the laws take F

    found = laws(tmp_path / "study", {"sigma": GRID["sigma"], "gamma": GRID["gamma"]}, sampled)
    assert not any("one seed" in remark for remark in found.remarks)
    by_name = {relation.statement: relation for relation in found.relations}
    envelope = by_name["∂J/∂σ = S/N"]
    inside = np.isfinite(envelope.difference)
    assert np.nanmedian(envelope.seed_error[inside]) == pytest.approx(2e-3, rel=0.3)
    z = envelope.difference[inside] / envelope.error[inside]
    assert 0.5 < np.sqrt((z**2).mean()) < 1.5
    assert (by_name["(∂(S/N)/∂C)_σ = −(∂γ/∂σ)_C"].seed_error[1:-1] > 0).any()
