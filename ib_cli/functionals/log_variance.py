"""Bounds on entropies of z from its variances, over all samples or within each class."""

from __future__ import annotations

import math

from torch import Tensor

from ib_cli.contracts.moments import sums_of_all, sums_of_classes
from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import Functional, of_whole


def _variances(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Counts n (groups, 1) and variances Var[z_k] (groups, K) from sums (groups, 1 + 3K), by the law of total variance.

    Var E[z|x] has Bessel's correction. With several groups, their mean variance counts as one more degree of freedom of
    each group: (Q_g + Q/Σ(n_g − 1)) / n_g, with Q_g the sum of squared deviations in group g and Q = Σ Q_g. This is
    unbiased if all groups have one variance. A single sample gets the mean variance of all groups; a large group keeps
    its own.
    """
    K = (sums.shape[1] - 1) // 3
    n, mean, square, within = sums.split([1, K, K, K], 1)
    there = n > 0
    counts = n.where(there, 1)
    between = pooled_moments(n, square - mean.square() / counts)
    return n.where(there, 0), between + within / counts


def pooled_moments(n: Tensor, deviations: Tensor) -> Tensor:
    """(Q_g + Q/Σ(n_g − 1)) / n_g from counts (groups, 1) and sums of squared deviations or products, (groups, …).

    One group alone: Q/(n − 1).
    """
    there = n > 0
    free = (n.where(there, 1) - 1).clamp(min=0)
    pooled = deviations.sum(0) / free.where(there, 0).sum().clamp(min=1)
    return pooled.expand_as(deviations) if len(n) == 1 else (deviations + pooled) / (free + 1)


def _entropy(variances: Tensor) -> Tensor:
    """Σ_k ½ ln(2πe Var_k), (groups,)."""
    return 0.5 * (2 * math.pi * math.e * variances).log().sum(1)


@of_whole("log_Var[Z]", "log-variance, ≥ H[Z]", sums=sums_of_all, costly=True, continuous=True)
def log_variance(sums: Tensor) -> Tensor:
    """Σ_k ½ ln(2πe Var[Z_k]) (Unpacking, Obs. 7), () nats: the entropy of Gaussians with these variances.

    Var[Z_k] = Var E[z_k|x] + E Var[z_k|x]; the first is unbiased from at least two samples.
    """
    _, variances = _variances(sums)
    return _entropy(variances).sum()


@of_whole(
    "log_Var[Z|Y]", "log-variance in a class, ≥ H[Z|Y]", "classes", sums=sums_of_classes, costly=True, continuous=True
)
def log_variance_given_y(sums: Tensor) -> Tensor:
    """E_y Σ_k ½ ln(2πe Var[Z_k|y]) (Unpacking, Obs. 7), () nats. For classes with few samples see `_variances`."""
    n, variances = _variances(sums)
    there = n.squeeze(1) > 0
    entropies = _entropy(variances.where(there.unsqueeze(1), 1))
    return (n.squeeze(1) * entropies).sum() / n.sum()


@of_whole(
    "log_Var_pooled[Z|Y]", "log of the mean variance in a class, ≥ log_Var[Z|Y]", "classes",
    sums=sums_of_classes, costly=True, continuous=True,
)  # fmt: skip
def log_variance_pooled(sums: Tensor) -> Tensor:
    """Σ_k ½ ln(2πe E_y Var[Z_k|y]), () nats: one variance for all classes, ≥ `log_Var[Z|Y]` as ln is concave.

    The paper has no such bound. Few samples per class are enough, as deviations from the class means are pooled.
    """
    n, variances = _variances(sums)
    return _entropy((n * variances).sum(0, keepdim=True) / n.sum()).sum()


def _in_window(p: Pass) -> Tensor:
    """`log_Var[Z|Y]` over the batch and the window of earlier batches together, ().

    Only the batch itself has a gradient. It is divided by the batch's share of the window, so that a sample weighs as
    much in this gradient as in the gradient of C.
    """
    own = sums_of_classes(p)
    window = needed(p.earlier) + own
    nats = needed(log_variance_given_y.of_sums)(window)
    share = own[:, 0].sum() / window[:, 0].sum()
    return (nats.detach() + (nats - nats.detach()) / share).to(p.z.dtype)


log_variance_in_window = Functional(
    "log_Var_window[Z|Y]", "log_Var[Z|Y] of the last batches", frozenset({"classes", "earlier"}), _in_window,
    costly=True, continuous=True, sums=sums_of_classes, of_sums=log_variance_given_y.of_sums,
)  # fmt: skip
