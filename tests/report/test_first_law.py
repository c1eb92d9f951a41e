"""Slopes of frontiers in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.report.first_law import holds, predicted, slopes, surface_slopes


def test_on_the_gaussian_rate_distortion_curve_the_slope_is_the_multiplier() -> None:
    """D + β R is least at D = β/2, R = ½ ln(2/β): Gaussian R(D) = ½ ln(σ²/D) with σ = 1."""
    beta = np.geomspace(0.05, 1, 30)
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    slope, _, _ = slopes(R, D, beta)
    assert slope[1:-1] == pytest.approx(beta[1:-1], rel=2e-3)
    assert holds(R, D, beta).tolist() == [1.0] * 30
    assert np.isnan(slope[[0, -1]]).all()


def test_the_slope_of_the_inverse_is_the_inverse_slope() -> None:
    beta = np.geomspace(0.05, 1, 6)
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    assert slopes(D, R, 1 / beta)[0][1:-1] == pytest.approx(1 / slopes(R, D, beta)[0][1:-1])


def test_secants_hold_the_multiplier_between_them_however_coarse_the_sweep() -> None:
    beta = np.array([1.0, 0.01, 0.1])  # in any order
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    _, low, high = slopes(R, D, beta)
    assert low[2] < 0.1 < high[2]
    assert holds(R, D, beta).tolist() == [1.0] * 3


def test_a_point_that_did_not_converge_breaks_the_law() -> None:
    beta = np.array([0.01, 0.1, 1.0])
    D, R = beta / 2, 0.5 * np.log(2 / beta)
    D[1] *= 12
    assert holds(R, D, beta)[1] == 0.0


def test_points_in_the_wrong_order_break_the_law() -> None:
    """Each is bettered by the other in its own weights, though the secant lies between their ratios."""
    assert holds(np.array([1.0, 1.1]), np.array([1.0, 0.95]), np.array([0.1, 1.0])).tolist() == [0.0, 0.0]
    assert holds(np.array([1.0, 1.1]), np.array([1.0, 1.05]), np.array([0.1, 1.0])).tolist() == [1.0, 0.0]


def test_equal_ratios_have_no_slope() -> None:
    assert np.isnan(slopes(np.arange(3.0), -np.arange(3.0), np.array([1.0, 1.0, 2.0]))[0]).all()


def test_predicted_is_the_ratio_of_the_weights_of_exactly_the_frontiers_functionals() -> None:
    assert predicted({"C": 1.0, "R": 0.01}, ("R", "C")).tolist() == [0.01]
    assert predicted({"R": 1.0, "D": 0.25, "C": 8.0}, ("D", "C", "R")).tolist() == [0.25, 8.0]
    assert np.isnan(predicted({"R": 1.0, "D": 0.25, "C": 8.0}, ("R", "C"))).all()
    assert np.isnan(predicted({"C": 1.0}, ("R", "C"))).all()


def test_on_a_surface_both_slopes_are_the_multipliers() -> None:
    """R = −a ln D − b ln C: R + λ D + γ C is least at D = a/λ, C = b/γ."""
    a, b = 0.7, 2.0
    grid = np.stack(np.meshgrid(np.geomspace(1, 2, 8), np.geomspace(4, 8, 8)), -1).reshape(-1, 2)
    D, C = a / grid[:, 0], b / grid[:, 1]
    found = surface_slopes(np.stack([D, C, -a * np.log(D) - b * np.log(C)], 1), grid)
    inside = (grid > grid.min(0)).all(1) & (grid < grid.max(0)).all(1)
    assert found[inside] == pytest.approx(grid[inside], rel=2e-2)
