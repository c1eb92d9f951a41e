"""The Gaussian information bottleneck against the scalar closed form, a numerical minimiser and the table's solver."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from ib_cli.exact.gaussian_ib import GaussianIB
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve


def covariance(size: int, seed: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(size, size + 2))
    return factor @ factor.T / size


def test_one_dimension_has_the_known_curve() -> None:
    """I(Y;Z) = −½ ln(1 − ρ² (1 − exp(−2 I(X;Z))))."""
    correlation = 0.8
    law = GaussianIB([[4, 2 * 3 * correlation], [2 * 3 * correlation, 9]], 1)
    gamma = np.geomspace(0.5, 1e4, 200)
    point = law(gamma)
    expected = -0.5 * np.log(1 - correlation**2 * (1 - np.exp(-2 * point.R)))
    np.testing.assert_allclose(point.y_information, expected, atol=1e-12)
    assert law.critical == pytest.approx([1 / correlation**2])
    assert ((point.R > 0) == (gamma > law.critical[0])).all()
    assert law.y_entropy == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 9))
    np.testing.assert_allclose(point.C, law.y_entropy - expected, atol=1e-12)


@pytest.mark.parametrize("inputs, outputs", [(3, 2), (2, 3), (1, 4)])
def test_the_projection_has_the_information_that_is_told(inputs: int, outputs: int) -> None:
    joint = covariance(inputs + outputs, seed=inputs)
    law = GaussianIB(joint, inputs)
    of_x, of_y, both = joint[:inputs, :inputs], joint[inputs:, inputs:], joint[:inputs, inputs:]
    conditional = of_x - both @ np.linalg.solve(of_y, both.T)
    for gamma in (1.0, 2.0, 10.0, 1000.0):
        A, point = law.projection(gamma), law(gamma)
        rate = 0.5 * np.linalg.slogdet(A @ of_x @ A.T + np.eye(inputs))[1]
        left = 0.5 * np.linalg.slogdet(A @ conditional @ A.T + np.eye(inputs))[1]
        assert pytest.approx(rate, abs=1e-10) == point.R
        assert point.y_information == pytest.approx(rate - left, abs=1e-10)


def test_no_other_projection_is_better() -> None:
    joint, gamma = covariance(5, seed=7), 8.0
    law = GaussianIB(joint, 3)
    of_x, of_y, both = joint[:3, :3], joint[3:, 3:], joint[:3, 3:]
    conditional = of_x - both @ np.linalg.solve(of_y, both.T)

    def objective(flat: np.ndarray) -> float:
        A = flat.reshape(3, 3)
        rate = 0.5 * np.linalg.slogdet(A @ of_x @ A.T + np.eye(3))[1]
        left = 0.5 * np.linalg.slogdet(A @ conditional @ A.T + np.eye(3))[1]
        return rate + gamma * (law.y_entropy - rate + left)

    starts = np.random.default_rng(0).normal(size=(5, 9))
    least = min(minimize(objective, start, options={"gtol": 1e-8}).fun for start in starts)
    assert pytest.approx(least, abs=1e-8) == law(gamma).J


def test_the_slope_of_the_curve_is_the_multiplier() -> None:
    law, gamma, h = GaussianIB(covariance(6, seed=3), 3), np.geomspace(5, 100, 20), 1e-5
    ahead, behind = law(gamma * (1 + h)), law(gamma * (1 - h))
    slope = (ahead.R - behind.R) / (ahead.C - behind.C)
    away = np.abs(np.log(gamma[:, None] / law.critical)).min(1) > 2 * h
    np.testing.assert_allclose(slope[away], -gamma[away], rtol=1e-6)
    np.testing.assert_allclose((ahead.J - behind.J) / (2 * h * gamma), law(gamma).C, rtol=1e-8)


@pytest.mark.slow
def test_a_fine_table_comes_close_to_its_gaussian() -> None:
    correlation, gamma = 0.8, 3.0
    edges = np.linspace(-4, 4, 31)
    x = (edges[1:] + edges[:-1]) / 2
    within = norm.cdf(edges[1:], correlation * x[:, None], 0.6) - norm.cdf(edges[:-1], correlation * x[:, None], 0.6)
    joint = norm.pdf(x)[:, None] * within
    found = solve(Table(joint / joint.sum()), 1, 0, gamma, tolerance=1e-4)
    point = GaussianIB([[1, correlation], [correlation, 1]], 1)(gamma)
    preserved = Table(joint / joint.sum()).y_entropy - found.C
    assert pytest.approx(float(point.R), rel=0.03) == found.R
    assert preserved == pytest.approx(float(point.y_information), rel=0.03)


@pytest.mark.parametrize(
    "joint, inputs, wrong",
    [
        ([[1, 2], [2, 1]], 1, "positive definite"),
        ([[1, 0.5], [0.4, 1]], 1, "symmetric"),
        ([[1, 0.5]], 1, "square"),
        ([[1, 0.5], [0.5, 1]], 2, "more dimensions"),
    ],
)
def test_what_is_no_covariance_is_refused(joint: list, inputs: int, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        GaussianIB(joint, inputs)
    with pytest.raises(ValueError, match="gamma"):
        GaussianIB([[1, 0], [0, 1]], 1)(-1)
