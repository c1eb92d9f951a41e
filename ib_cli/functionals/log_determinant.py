"""Bounds on entropies of z from its covariance, over all samples or within each class."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ib_cli.contracts.moments import products_of_all, products_of_classes
from ib_cli.functionals.functional import of_whole
from ib_cli.functionals.log_variance import pooled_moments


def _entropies(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Counts n (groups,) and ½ ln det(2πe Cov[Z]) of each group, (groups,), from sums (groups, 1 + K + K² + K).

    Cov[Z] = Cov E[z|x] + E Cov[z|x], with noise of independent components; the first is estimated as the variances of
    `log_variance` are, also in groups with few samples.
    """
    K = math.isqrt(sums.shape[1]) - 1  # 1 + 2K + K² = (K + 1)²
    n, mean, products, within = sums.split([1, K, K * K, K], 1)
    there = n > 0
    counts = n.where(there, 1)
    deviations = products - (mean.unsqueeze(2) * mean.unsqueeze(1)).flatten(1) / counts
    covariance = pooled_moments(n, deviations).unflatten(1, (K, K)) + torch.diag_embed(within / counts)
    unit = torch.eye(K, dtype=sums.dtype, device=sums.device)
    covariance = covariance.where(there.unsqueeze(2), unit)
    return n.where(there, 0).squeeze(1), 0.5 * (K * math.log(2 * math.pi * math.e) + torch.logdet(covariance))


@of_whole("log_det[Z]", "log-determinant, ≥ H[Z]", "encoder", sums=products_of_all, costly=True, continuous=True)
def log_determinant(sums: Tensor) -> Tensor:
    """½ ln det(2πe Cov[Z]) (Unpacking, App. A.6), () nats: the entropy of a Gaussian with this covariance.

    H[Z] ≤ log_det[Z] ≤ log_Var[Z].
    """
    return _entropies(sums)[1].sum()


@of_whole(
    "log_det[Z|Y]", "log-determinant in a class, ≥ H[Z|Y]", "encoder", "classes",
    sums=products_of_classes, costly=True, continuous=True,
)  # fmt: skip
def log_determinant_given_y(sums: Tensor) -> Tensor:
    """E_y ½ ln det(2πe Cov[Z|y]) (Unpacking, §6.2 and App. A.6), () nats."""
    n, entropies = _entropies(sums)
    return (n * entropies).sum() / n.sum()
