"""Gaussians pass as Gaussians and other laws do not: what gaussian and copula flag, and what they say is a bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.estimators import mutual_information, total_correlation
from ib_cli.estimators.copula import copula_entropy, copula_mutual_information, copula_total_correlation
from ib_cli.estimators.gaussian import (
    gaussian_entropy,
    gaussian_information,
    gaussian_mutual_information,
    gaussian_total_correlation,
)
from tests.families import family

N = 2000


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=Generator().manual_seed(seed), dtype=torch.float64)


def signs(seed: int, n: int = N) -> Tensor:
    return torch.randint(0, 2, (n, 1), generator=Generator().manual_seed(seed)).double() * 2 - 1


@pytest.mark.parametrize(
    ("d", "n", "draws"),
    family([(1, 1000, 100), (2, 300, 60), (5, 1000, 30), (20, 1000, 12)], quick=[(1, 1000, 100), (2, 300, 60)]),
)
def test_few_gaussians_are_taken_for_something_else(d: int, n: int, draws: int) -> None:
    """A flag has the probability 1e-3 at most, so two of 100 draws are unlikely (0.5 %)."""
    mixing = torch.eye(d, dtype=torch.float64) + 0.3 * normal(d, d, 0) / math.sqrt(d)
    drawn = [normal(n, d, 1 + seed) @ mixing for seed in range(draws)]
    assert sum(gaussian_entropy(z).saturated for z in drawn) <= 1
    assert sum(copula_total_correlation(z).saturated for z in drawn) <= 1


def circle(seed: int) -> Tensor:
    angle = 2 * math.pi * torch.rand(N, 1, generator=Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat([angle.cos(), angle.sin()], 1) + 0.05 * normal(N, 2, seed + 1)


def flipped(seed: int) -> Tensor:
    """Gaussian margins without correlation, one size."""
    x = normal(N, 1, seed)
    return torch.cat([x, x * signs(seed + 1) + 0.1 * normal(N, 1, seed + 2)], 1)


def parabola(seed: int) -> Tensor:
    x = normal(N, 1, seed)
    return torch.cat([x, x.square() + 0.1 * normal(N, 1, seed + 1)], 1)


def hidden_pair(seed: int) -> Tensor:
    """One flipped pair among 20 dimensions."""
    return torch.cat([flipped(seed), normal(N, 18, seed + 3)], 1)


def mixed_uniforms(seed: int) -> Tensor:
    """Uniform sources, so many in each dimension that no margin shows it."""
    sources = torch.rand(N, 20, generator=Generator().manual_seed(seed), dtype=torch.float64)
    return sources @ torch.linalg.qr(normal(20, 20, seed)).Q


def heavy_tails(seed: int) -> Tensor:
    """Student's t with three degrees of freedom: dimensions without correlation that depend on each other."""
    scale = (normal(N, 3, seed).square().sum(1, keepdim=True) / 3).sqrt()
    return normal(N, 4, seed + 1) / scale


def hidden_peaks(seed: int) -> Tensor:
    """Two peaks along one direction of ten, with the identity for a covariance."""
    z, direction = normal(N, 10, seed), normal(10, 1, seed + 1)
    direction /= direction.norm()
    peaks = (3 * signs(seed + 2) + normal(N, 1, seed + 3)) / math.sqrt(10)
    return z + (peaks - z @ direction) @ direction.T


NOT_GAUSSIAN = (circle, flipped, parabola, hidden_pair, mixed_uniforms, heavy_tails, hidden_peaks)


@pytest.mark.parametrize("law", NOT_GAUSSIAN)
def test_what_is_not_gaussian_is_flagged(law: Callable[[int], Tensor]) -> None:
    for seed in range(0, 50, 10):
        z = law(seed)
        correlation, entropy = gaussian_total_correlation(z), gaussian_entropy(z)
        assert correlation.saturated and "is not Gaussian" in correlation.reason
        assert correlation.lower is None and correlation.upper is None
        assert entropy.saturated and entropy.upper == entropy.value
        shared = gaussian_mutual_information(z[:, :1], z[:, 1:])
        assert shared.saturated and shared.quantity == "I[X;Z]"


@pytest.mark.parametrize("law", NOT_GAUSSIAN)
def test_the_copula_gives_lower_bounds(law: Callable[[int], Tensor]) -> None:
    z = law(0)
    bent = torch.cat([z[:, :1].exp(), z[:, 1:].sinh()], 1)
    for found in (copula_total_correlation(bent), copula_entropy(z)):
        assert found.saturated and "the copula of z is not Gaussian" in found.reason
    assert copula_total_correlation(bent).lower == copula_total_correlation(bent).value
    entropy = copula_entropy(z)
    assert entropy.upper == entropy.value and entropy.lower is None


def test_information_by_the_copula_is_a_bound_where_both_variables_are_gaussian_alone() -> None:
    pair = flipped(0)
    of_two = copula_mutual_information(pair[:, :1], pair[:, 1:])
    assert of_two.saturated and of_two.lower == of_two.value and "is a lower bound" in of_two.reason
    of_many = copula_mutual_information(pair, normal(N, 2, 9))
    assert of_many.saturated and of_many.lower is None and "is no bound" in of_many.reason
    linear = copula_mutual_information(normal(N, 2, 9).exp(), normal(N, 2, 9) + normal(N, 2, 8))
    assert not linear.saturated and linear.lower == linear.value


def test_ranks_that_blur_strong_dependence_are_flagged() -> None:
    """A Gaussian with TC = 3.35 nats, whose copula estimate is nine standard errors below the truth."""
    mixing = torch.eye(5, dtype=torch.float64) + normal(5, 5, 0) / math.sqrt(5)
    covariance = mixing.T @ mixing
    truth = float(covariance.diagonal().log().sum() - covariance.logdet()) / 2
    for seed in range(5):
        z = normal(1000, 5, 1 + seed) @ mixing
        found = copula_total_correlation(z)
        assert found.value < truth - 3 * found.stderr
        assert found.saturated and "ranks blur" in found.reason and "TC[Z] is too small by" in found.reason
        assert copula_mutual_information(z[:, :2], z[:, 2:]).saturated
        assert not gaussian_total_correlation(z).saturated
    pair = normal(1000, 1, 0)
    assert not copula_mutual_information(pair, 0.95 * pair + 0.312 * normal(1000, 1, 1)).saturated


def test_tied_values_are_no_bound() -> None:
    found = copula_total_correlation(normal(N, 3, 0).relu())
    assert found.saturated and found.lower is None and "lower bound" not in found.reason


def test_the_true_value_of_an_unflagged_estimate_is_within_its_errors() -> None:
    """Gaussian classes of scales 1/2, 1 and 2 share 0.4946 nats with their labels; one Gaussian for all makes 0.84."""
    y = torch.arange(1200) % 3
    scale, shift = torch.tensor([[0.5, 1.0, 2.0], [0.0, 0.3, 0.6]], dtype=torch.float64)[:, y].unsqueeze(2)
    found = gaussian_information(normal(1200, 3, 0) * scale + shift, y)
    assert found["I[Y;Z]"].value > 0.7 and found["I[Y;Z]"].saturated
    assert not found["H[Z|Y]"].saturated  # the classes are Gaussian
    near = gaussian_information(normal(1200, 3, 0) + shift, y)
    assert not any(estimate.saturated for estimate in near.values())
    uniform = torch.rand(1200, 1, generator=Generator().manual_seed(0), dtype=torch.float64)
    assert gaussian_information(uniform + 9 * (y == 1).unsqueeze(1), y)["H[Z|Y]"].saturated


def test_the_library_passes_the_flags_on() -> None:
    pair = parabola(3)
    for estimator in ("gaussian", "copula"):
        assert total_correlation(pair, estimator).saturated
        assert mutual_information(pair[:, 0], pair[:, 1], estimator).saturated
