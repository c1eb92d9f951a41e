"""KL terms of Information Dropout against integrals of their definitions, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ib_cli.model.noise.priors import SMALLEST, LogNormal, LogUniform

ALPHAS = (0.001, 0.05, 0.3, 0.701)
LARGEST = 0.701


def log_normal(t: Tensor, mean: float, deviation: float) -> Tensor:
    """ln of the density of N(mean, deviation²) at t."""
    return -((t - mean) ** 2) / (2 * deviation**2) - math.log(deviation * math.sqrt(2 * math.pi))


def integral(clean: float, alpha: float, shift: float, log_prior: Callable[[Tensor], Tensor]) -> float:
    """∫ p(z) ln(p(z)/q(z)) dz for ln z ~ N(ln clean + shift, alpha²) and a prior with density q."""
    mean = math.log(clean) + shift
    t = torch.linspace(mean - 14 * alpha, mean + 14 * alpha, 20_001, dtype=torch.float64)
    z = t.exp()
    log_p = log_normal(t, mean, alpha) - t  # of the density of z
    return float(torch.trapezoid(log_p.exp() * (log_p - log_prior(z)), z))


def as_tensors(*values: float) -> list[Tensor]:
    return [torch.tensor([value], dtype=torch.float64) for value in values]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("clean", [1e-3, 0.7, 40.0])
@pytest.mark.parametrize("unit_mean", [False, True])
def test_relu_against_the_integral(alpha: float, clean: float, unit_mean: bool) -> None:
    shift = -(alpha**2) / 2 if unit_mean else 0.0
    c = 1 / (LARGEST * math.sqrt(2 * math.pi * math.e))  # makes the least divergence 0
    prior = LogUniform(LARGEST, "alpha", 0.5).double()
    found = prior(*as_tensors(clean, alpha), shift).item()
    assert found == pytest.approx(integral(clean, alpha, shift, lambda z: (c / z).log()), abs=1e-5)
    assert found >= -1e-6


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("clean", [1e-3, 0.7, 40.0])
@pytest.mark.parametrize("mu, sigma", [(0.0, 1.0), (-1.3, 0.4)])
@pytest.mark.parametrize("unit_mean", [False, True])
def test_softplus_against_the_integral(alpha: float, clean: float, mu: float, sigma: float, unit_mean: bool) -> None:
    shift = -(alpha**2) / 2 if unit_mean else 0.0
    prior = LogNormal().double()
    prior.mean.data.fill_(mu)
    prior.log_deviation.data.fill_(math.log(sigma))
    found = prior(*as_tensors(clean, alpha), shift).item()
    expected = integral(clean, alpha, shift, lambda z: log_normal(z.log(), mu, sigma) - z.log())
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_softplus_takes_no_logarithm_of_less_than_a_ten_thousandth() -> None:
    prior = LogNormal().double()
    at, below = (prior(*as_tensors(clean, 0.5), 0.0) for clean in (SMALLEST, 0.0))
    assert torch.isfinite(below) and torch.equal(at, below)


def test_a_relu_that_is_zero_is_charged_its_alpha_or_the_mass_of_the_prior() -> None:
    alpha = torch.tensor([0.1, 0.1], dtype=torch.float64, requires_grad=True)
    clean = torch.tensor([0.0, 2.0], dtype=torch.float64)
    q = 0.25
    by_alpha = LogUniform(LARGEST, "alpha", q).double()(clean, alpha, 0.0)
    torch.testing.assert_close(by_alpha, -(alpha / LARGEST).log(), rtol=1e-6, atol=0)
    by_mass = LogUniform(LARGEST, "mass", q).double()(clean, alpha, 0.0)
    # A point mass at 0 against q δ_0 + …: on the sets {0} and (0, ∞) the probabilities are (1, 0) and (q, 1 − q).
    point, prior = torch.tensor([1.0, 0.0]), torch.tensor([q, 1 - q])
    expected = torch.special.xlogy(point, point / prior).sum()
    assert by_mass[0].item() == pytest.approx(expected.item()) == -math.log(q)
    assert by_mass[1].item() == by_alpha[1].item()
    (gradient,) = torch.autograd.grad(by_mass.sum(), alpha)
    assert gradient[0] == 0 and gradient[1] < 0
