"""B = R − I(X;Z) between two Gaussian laws, where B is known."""

from __future__ import annotations

import math

import torch

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.latent_divergence import latent_divergence
from ib_cli.estimators.mixture import mixture_information


def test_the_interval_holds_the_divergence_of_two_gaussians() -> None:
    """x ~ N(1, v), q(z|x) = N(x, s²), so q(z) = N(1, v + s²), against m(z) = N(0, 1)."""
    v, s = 2.0, 1.0
    x = 1 + math.sqrt(v) * torch.randn(3000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rate = 0.5 * (s**2 + x[:, 0].square() - 1 - math.log(s**2))
    information = mixture_information(x, s)["I[X;Z]"]
    found = latent_divergence(rate, information)
    expected = 0.5 * (v + s**2 + 1 - 1 - math.log(v + s**2))
    assert found.quantity == "B" and found.estimator == "mixture" and not found.saturated
    assert found.lower - 2 * found.stderr < expected < found.upper + 2 * found.stderr
    assert found.upper - found.lower < 0.05
    assert found.lower == float(rate.mean()) - information.upper
    assert found.upper == float(rate.mean()) - information.lower


def test_flags_and_open_ends_go_over() -> None:
    rate = torch.tensor([1.0, 2.0])
    found = latent_divergence(rate, Estimate("I[X;Z]", "mixture", 1.0, 0.5, None, 0.1, n=2).flagged("why"))
    assert found.saturated and found.reason == "why" and found.lower is None and found.upper == 1.0
