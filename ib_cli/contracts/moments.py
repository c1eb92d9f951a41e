"""Mean and variance of z given x, and their sums over the samples of each class."""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass


def moments(p: Pass) -> tuple[Tensor, Tensor]:
    """E[z|x] and Var[z|x] of each dimension, (B, K): exact from q(z|x), or from the draws if it has no density."""
    if p.encoder is not None:
        return p.encoder.mean, p.encoder.variance
    z = p.z.double()  # in float32 the square of a z of 10⁻²⁰ is 0
    mean = z.mean(0)
    return mean, (z - mean).square().mean(0)


def terms(p: Pass) -> Tensor:
    """1, E[z|x], E[z|x]² and Var[z|x], (B, 1 + 3K), in float64. Sums of two sets of samples add up to the union's."""
    mean, variance = (each.double() for each in moments(p))
    return torch.cat([torch.ones_like(mean[:, :1]), mean, mean.square(), variance], 1)


def sums_of_all(p: Pass) -> Tensor:
    """Weighted sums of `terms` over the batch, (1, 1 + 3K)."""
    return p.weighed(terms(p)).sum(0, keepdim=True)


def sums_of_classes(p: Pass) -> Tensor:
    """Weighted sums of `terms` over the samples of each class, (classes, 1 + 3K)."""
    return p.by_class(terms(p))
