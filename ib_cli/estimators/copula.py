"""Gaussian copula: ranks make each dimension normal, the dependence is then a Gaussian's; margins by spacings."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from ib_cli.estimators import checked
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gaussian import gaussian_mutual_information, gaussian_total_correlation

STEPS = 3  # order statistics to either side; more lower the noise for a uniform density and blur the shape of any other
TIES = 0.05  # largest share of repeated values in a dimension; beyond it ranks are no copula


def normal_scores(z: Tensor) -> Tensor:
    """Φ⁻¹(rank / (N + 1)) of each dimension of samples (N, K), in float64; equal values share their mean rank."""
    n = len(z)
    scores = torch.empty_like(z, dtype=torch.float64)
    for k in range(z.shape[1]):
        _, place, counts = z[:, k].unique(return_inverse=True, return_counts=True)
        rank = counts.cumsum(0) - (counts - 1) / 2
        scores[:, k] = torch.special.ndtri(rank.double() / (n + 1))[place]
    return scores


def copula_total_correlation(z: Tensor) -> Estimate:
    """TC[Z] in nats from samples z (N, K): the Gaussian TC of their normal scores, a lower bound as N → ∞.

    Ince et al. 2017, "A statistical framework for neuroimaging data analysis based on mutual information estimated via
    a Gaussian copula". Monotone maps of single dimensions do not change TC, and among all laws with the same normal
    margins and correlations the Gaussian has the least TC. The bias correction is the Gaussian's
    (`gaussian_total_correlation`); for ranks it is close, not exact.

    A constant dimension is left out. Duplicate dimensions make TC ∞: `value` is None. A dimension with over 5 %
    repeated values is flagged. Raises ValueError for NaN, infinities and N ≤ K + 1.
    """
    z = checked.matrix(z, "z")
    return _flagged(gaussian_total_correlation(normal_scores(z)), z)


def copula_mutual_information(x: Tensor, z: Tensor, quantity: str = "I[X;Z]") -> Estimate:
    """I[X;Z] in nats from samples x (N, K) and z (N, L): the Gaussian I of their normal scores (Ince et al. 2017).

    A lower bound as N → ∞ where x and z are each Gaussian after the transformation. Corrections, degenerate dimensions
    and errors as in `gaussian_mutual_information`; ties as in `copula_total_correlation`. `quantity` names the result.
    """
    checked.same_length(x, z, "x and z")
    x, z = checked.matrix(x, "x"), checked.matrix(z, "z")
    return _flagged(gaussian_mutual_information(normal_scores(x), normal_scores(z), quantity), torch.cat([x, z], dim=1))


def copula_entropy(z: Tensor) -> Estimate:
    """H[Z] = Σ_k H[Z_k] − TC[Z] in nats from samples z (N, K), margins by spacings and TC by the Gaussian copula.

    Where a dimension has an atom (so many equal values that a spacing is empty: 4 to 7), or is a copy of another, H[Z]
    is −∞ and `value` None. The standard error treats the two parts as independent.
    """
    dependence = copula_total_correlation(z)
    z = checked.matrix(z, "z")
    n = len(z)
    margins = spacing_terms(z)
    atoms = (~margins.isfinite().all(0)).nonzero()[:, 0].tolist()
    if atoms or dependence.value is None or dependence.stderr is None:
        reason = f"dimensions with atoms: {', '.join(map(str, atoms))}" if atoms else dependence.reason
        return Estimate("H[Z]", "copula", None, n=n, saturated=True, reason=f"H[Z] = −∞: {reason}")
    terms = margins.sum(1)
    stderr = math.hypot(float(terms.std()) / math.sqrt(n), dependence.stderr)
    return dataclasses.replace(dependence, quantity="H[Z]", value=float(terms.mean()) - dependence.value, stderr=stderr)


def spacing_terms(z: Tensor) -> Tensor:
    """Terms (N, K) in nats from samples z (N, K); their mean over samples estimates the entropy of each dimension.

    ln (z_(i+3) − z_(i−3)) + ψ(N + 1) − ψ(steps between the two), the indices held within 1 … N (Vasicek 1976).
    Subtracting the mean logarithm of each uniform spacing makes it unbiased for the uniform distribution. −∞ where the
    spacing is empty.
    """
    n = len(z)
    place = torch.arange(n, device=z.device)
    high, low = (place + STEPS).clamp(max=n - 1), (place - STEPS).clamp(min=0)
    values, order = z.sort(dim=0)
    steps = (high - low).double()
    expected = torch.digamma(steps) - torch.digamma(torch.tensor(n + 1.0, dtype=torch.float64, device=z.device))
    terms = (values[high] - values[low]).log() - expected.unsqueeze(1)
    return torch.empty_like(terms).scatter_(0, order, terms)


def _flagged(estimate: Estimate, z: Tensor) -> Estimate:
    """The estimate under this estimator's name, flagged where varying dimensions of z (N, K) repeat their values."""
    estimate = dataclasses.replace(estimate, estimator="copula")
    distinct = torch.tensor([len(column.unique()) for column in z.T])
    tied = ((distinct > 1) & (distinct < (1 - TIES) * len(z))).nonzero()[:, 0].tolist()
    if not tied:
        return estimate
    return estimate.flagged(f"{len(tied)} dimensions repeat over {TIES:.0%} of their values, as no density does")
