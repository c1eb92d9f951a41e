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


def products_of_all(p: Pass) -> Tensor:
    """Weighted sums over the batch of 1, E[z|x], E[z|x] E[z|x]ᵀ and Var[z|x], (1, 1 + K + K² + K), in float64."""
    return _products(p, p.weighed(torch.ones(len(p.y), 1, dtype=torch.float64, device=p.y.device)))


def products_of_classes(p: Pass) -> Tensor:
    """The same over the samples of each class, (classes, 1 + K + K² + K)."""
    return _products(p, p.members)


def _products(p: Pass, members: Tensor) -> Tensor:
    """Sums weighed by `members` (B, groups), without a tensor of all samples' products."""
    mean, variance = (p.of_samples(each.double()) for each in moments(p))
    groups, K = members.shape[1], mean.shape[1]
    apart = (members.unsqueeze(2) * mean.unsqueeze(1)).flatten(1)  # (B, groups · K)
    products = (apart.T @ mean).view(groups, K * K)
    return torch.cat([members.sum(0).unsqueeze(1), members.T @ mean, products, members.T @ variance], 1)
