"""Slopes of frontiers in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.report.quantities.frontier_slopes import (
    first_law_holds,
    slopes_along_sweep,
    surface_slopes,
    weight_ratios,
)


def test_on_the_gaussian_rate_distortion_curve_the_slope_is_the_multiplier() -> None:
    """D + β R is least at D = β/2, R = ½ ln(2/β): Gaussian R(D) = ½ ln(σ²/D) with σ = 1."""
    beta = np.geomspace(0.05, 1, 30)
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    slope, _, _ = slopes_along_sweep(R, D, beta)
    assert slope[1:-1] == pytest.approx(beta[1:-1], rel=2e-3)
    assert first_law_holds(R, D, beta).tolist() == [1.0] * 30
    assert np.isnan(slope[[0, -1]]).all()


def test_the_slope_of_the_inverse_is_the_inverse_slope() -> None:
    beta = np.geomspace(0.05, 1, 6)
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    assert slopes_along_sweep(D, R, 1 / beta)[0][1:-1] == pytest.approx(1 / slopes_along_sweep(R, D, beta)[0][1:-1])


def test_secants_hold_the_multiplier_between_them_however_coarse_the_sweep() -> None:
    beta = np.array([1.0, 0.01, 0.1])  # in any order
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    _, low, high = slopes_along_sweep(R, D, beta)
    assert low[2] < 0.1 < high[2]
    assert first_law_holds(R, D, beta).tolist() == [1.0] * 3


def test_a_point_that_did_not_converge_breaks_the_law() -> None:
    beta = np.array([0.01, 0.1, 1.0])
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    D[1] *= 12
    assert first_law_holds(R, D, beta)[1] == 0.0


def test_points_in_the_wrong_order_break_the_law() -> None:
    """Each is bettered by the other in its own weights, though the secant lies between their ratios."""
    assert first_law_holds(np.array([1.0, 1.1]), np.array([1.0, 0.95]), np.array([0.1, 1.0])).tolist() == [0.0, 0.0]
    assert first_law_holds(np.array([1.0, 1.1]), np.array([1.0, 1.05]), np.array([0.1, 1.0])).tolist() == [1.0, 0.0]


def test_equal_ratios_have_no_slope() -> None:
    assert np.isnan(slopes_along_sweep(np.arange(3.0), -np.arange(3.0), np.array([1.0, 1.0, 2.0]))[0]).all()


def test_predicted_is_the_ratio_of_the_weights_of_exactly_the_frontiers_functionals() -> None:
    assert weight_ratios({"C": 1.0, "R": 0.01}, ("R", "C")).tolist() == [0.01]
    assert weight_ratios({"R": 1.0, "D": 0.25, "C": 8.0}, ("D", "C", "R")).tolist() == [0.25, 8.0]
    assert np.isnan(weight_ratios({"R": 1.0, "D": 0.25, "C": 8.0}, ("R", "C"))).all()
    assert np.isnan(weight_ratios({"C": 1.0}, ("R", "C"))).all()


def grid(count: int, step: float = 2.0) -> np.ndarray:
    """(λ, γ) of a sweep in equal ratios."""
    steps = step ** np.arange(count)
    return np.stack(np.meshgrid(0.5 * steps, 4 * steps), -1).reshape(-1, 2)


def optima(ratios: np.ndarray, a: float = 0.7, b: float = 2.0) -> np.ndarray:
    """(D, C, R) where R + λ D + γ C is least on R = −a ln D − b ln C: D = a/λ, C = b/γ."""
    D, C = a / ratios[:, 0], b / ratios[:, 1]
    return np.stack([D, C, -a * np.log(D) - b * np.log(C)], 1)


def edge(ratios: np.ndarray) -> np.ndarray:
    return ((ratios == ratios.min(0)) | (ratios == ratios.max(0))).any(1)


def test_on_a_surface_both_slopes_are_the_multipliers_and_lie_between_those_of_the_facets() -> None:
    ratios = grid(6)
    law = surface_slopes(optima(ratios), ratios)
    assert (law["rim"] == edge(ratios)).all()
    inside = law["rim"] == 0
    for i, name in enumerate(("slope", "slope_2")):
        assert law[name][inside] == pytest.approx(ratios[inside, i], rel=0.03)
        assert (law[f"{name}_low"] < ratios[:, i])[inside].all()
        assert (ratios[:, i] < law[f"{name}_high"])[inside].all()
    assert law["first_law"].tolist() == [1.0] * len(ratios)


def test_slopes_of_a_surface_are_second_order_in_the_step_inside_and_first_at_its_rim() -> None:
    errors = []
    for step in (2.0, 2.0**0.5):
        ratios = grid(5, step)
        law = surface_slopes(optima(ratios), ratios)
        off = np.abs(np.log(np.stack([law["slope"], law["slope_2"]], 1) / ratios))
        errors.append([off[~edge(ratios)].max(), off[edge(ratios)].max()])
    inside, rim = np.array(errors[0]) / np.array(errors[1])
    assert inside == pytest.approx(4, rel=0.15)
    assert rim == pytest.approx(2, rel=0.15)


def test_the_slopes_of_a_surface_need_no_grid() -> None:
    ratios = np.random.default_rng(0).uniform(0, 3, (60, 2))
    ratios = np.exp(ratios)
    law = surface_slopes(optima(ratios), ratios)
    inside = law["rim"] == 0
    assert inside.sum() > 20
    assert (law["first_law"] == 1).all()
    assert (law["slope_low"] <= ratios[:, 0])[inside].all() and (ratios[:, 0] <= law["slope_high"])[inside].all()
    assert np.median(np.abs(np.log(law["slope_2"] / ratios[:, 1]))[inside]) < 0.1


def test_a_point_of_a_surface_that_did_not_converge_breaks_the_law_alone() -> None:
    ratios = grid(5)
    points = optima(ratios)
    points[12] += [0.1, 0.1, 1.0]  # the middle
    law = surface_slopes(points, ratios)["first_law"]
    assert law[12] == 0.0
    assert np.delete(law, 12).tolist() == [1.0] * 24


def test_weights_of_other_ratios_break_the_law_of_a_surface() -> None:
    ratios = grid(5)
    law = surface_slopes(optima(ratios), ratios[:, ::-1])
    assert (law["first_law"] == 0).sum() > 20


def test_a_surface_without_facets_has_no_slopes_and_one_without_weights_no_law() -> None:
    ratios = grid(2)
    line = optima(ratios)[:2]
    assert np.isnan(surface_slopes(line, ratios[:2])["slope"]).all()
    law = surface_slopes(optima(ratios), np.full((4, 2), np.nan))
    assert np.isnan(law["first_law"]).all()
    assert np.isfinite(law["slope"]).all()
