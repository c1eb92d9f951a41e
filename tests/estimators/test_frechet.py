"""The Fréchet distance against closed forms of Gaussians."""

from __future__ import annotations

import math

import pytest
import torch

from ib_cli.estimators.frechet import distance_of_moments, frechet_distance


def random_covariance(size: int, seed: int) -> torch.Tensor:
    root = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T / size + 0.1 * torch.eye(size)


@pytest.mark.parametrize("s, t", [(1.0, 1.0), (0.5, 2.0), (3.0, 0.0)])
def test_of_one_dimension_it_is_that_of_means_and_deviations(s: float, t: float) -> None:
    mean, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    found = distance_of_moments(mean + 2, s**2 * one, mean - 1, t**2 * one)
    assert found == pytest.approx(9 + (s - t) ** 2)


def test_of_covariances_with_common_axes_it_is_the_sum_over_axes() -> None:
    axes = torch.linalg.qr(random_covariance(5, 0))[0]
    a, b = torch.tensor([1.0, 4, 9, 0.25, 0]).double(), torch.tensor([4.0, 4, 1, 0, 0]).double()
    zero = torch.zeros(5).double()
    found = distance_of_moments(zero, (axes * a) @ axes.T, zero, (axes * b) @ axes.T)
    assert found == pytest.approx(float((a.sqrt() - b.sqrt()).square().sum()), abs=1e-6)


def test_it_is_the_transport_cost_of_the_best_linear_map() -> None:
    """T = Σx^-½ (Σx^½ Σy Σx^½)^½ Σx^-½ carries N(0, Σx) to N(0, Σy) at the cost tr (T − I) Σx (T − I)."""
    x, y = random_covariance(4, 1), random_covariance(4, 2)

    def power(matrix: torch.Tensor, exponent: float) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        return (vectors * values**exponent) @ vectors.T

    root, inverse = power(x, 0.5), power(x, -0.5)
    T = inverse @ power(root @ y @ root, 0.5) @ inverse
    torch.testing.assert_close(T @ x @ T, y)
    moved = T - torch.eye(4)
    cost = float((moved @ x @ moved).trace())
    zero = torch.zeros(4).double()
    assert distance_of_moments(zero, x, zero, y) == pytest.approx(cost, rel=1e-9)
    assert distance_of_moments(zero, y, zero, x) == pytest.approx(cost, rel=1e-9)


def test_of_samples_it_comes_to_that_of_their_laws() -> None:
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(40_000, 3, generator=numbers) * torch.tensor([1.0, 2, 0.5]) + 1
    y = torch.randn(50_000, 3, generator=numbers)
    assert frechet_distance(x, y) == pytest.approx(3 + 0 + 1 + 0.25, rel=0.02)
    assert 0 <= frechet_distance(y, y) < 1e-9
    assert 0 < frechet_distance(y[:500], y[500:]) < 0.05


def test_features_that_never_change_add_nothing() -> None:
    x = torch.cat([torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), torch.full((50, 3), 7.0)], 1)
    assert frechet_distance(x, x + torch.tensor([0.0, 0, 0, 0, 2])) == pytest.approx(4, rel=1e-5)
    assert math.isfinite(frechet_distance(x[:2], x[2:4]))
