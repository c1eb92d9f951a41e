"""I[X;Z] of a mixture of Gaussians from the distances between its components: closed form and differentiable."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ib_cli.contracts.told_numbers import apart
from ib_cli.estimators import checked
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.mixture import MARGIN, WIDTH, near, rounded

Kind = Literal["kl", "bhattacharyya"]
BLOCK = 2**22  # numbers held at a time


def pairwise_information(mean: Tensor, scale: Tensor, kind: Kind = "kl") -> Tensor:
    """Terms (N,) in nats whose mean bounds I[X;Z] for X uniform on N components N(mean_i, diag scale_i²).

    −ln (1/N) Σ_j exp(−D(q_i, q_j)) of Kolchinsky & Tracey 2017, "Estimating Mixture Entropy with Pairwise Distances":
    an upper bound with D = KL(q_i ‖ q_j), a lower bound with the Bhattacharyya distance (their Chernoff-α at α = ½):

        KL = Σ_k ln(s_j/s_i) + (s_i² + (m_i − m_j)²) / 2s_j² − ½,
        B  = Σ_k (m_i − m_j)² / 4(s_i² + s_j²) + ½ ln((s_i² + s_j²) / 2 s_i s_j).

    They bound the information in this mixture: both lie between 0 and ln N. In expectation over the x the lower bound
    also holds for the population's I[X;Z]; the upper bound does not.

    `mean` is (N, K); `scale` is (N, K), or (K,) or a scalar tensor where it is the same for all. The Bhattacharyya
    distance between different scales is no matrix product and takes N²K logarithms; all else is fast. Works in float64
    and returns the dtype of `mean`. Differentiable, and without data-dependent control flow, so that it runs under
    `torch.func`. Without gradients, blocks of rows bound its memory. Values are not checked here but in
    `pairwise_estimate`.
    """
    divergence = {"kl": _kl, "bhattacharyya": _bhattacharyya}[kind]
    m, s = mean.double(), scale.double()
    m = m - m.mean(0)
    n, size = m.shape
    rows = max(1, BLOCK // (n * size if divergence is _bhattacharyya and s.dim() == 2 else n))
    terms = []
    for first in range(0, n, rows):
        chosen = slice(first, first + rows)
        distances = divergence(m[chosen], s[chosen] if s.dim() == 2 else s, m, s)
        # One distance is 0, so distances beyond 100 add nothing; but exp is slow where it underflows.
        terms.append(math.log(n) - (-distances.clamp(max=100)).logsumexp(1))
    return torch.cat(terms).to(mean.dtype)


def pairwise_estimate(mean: Tensor, scale: Tensor | float) -> Estimate:
    """I[X;Z] of the mixture of N components between the Bhattacharyya and the KL bound; `value` is their middle.

    `mean` (N, K), `scale` a number, (K,) or (N, K). Flagged where the lower bound comes within 2.4 nats of
    ln N, the bounds are more than 0.6 apart, or rounding may reach 1e-4 nats. Raises ValueError for NaN, infinities,
    scales ≤ 0 and shapes that do not match.
    """
    mean = checked.matrix(mean, "mean")
    scale = checked.scales(scale, mean)
    low, high = (pairwise_information(mean, scale, kind) for kind in ("bhattacharyya", "kl"))
    n, middle = len(mean), (low + high) / 2
    stderr = float(middle.std()) / math.sqrt(n)
    lower, upper = float(low.mean()), float(high.mean())
    found = Estimate("I[X;Z]", "pairwise", float(middle.mean()), lower, upper, stderr, n=n)
    if math.log(n) - lower < MARGIN:
        told, most = apart(lower, math.log(n), 2)
        found = found.flagged(f"I[X;Z] ≥ {told} {near(math.log(n) - lower)} ln N = {most}")
    if upper - lower > WIDTH:
        found = found.flagged(f"the ends of I[X;Z] are {upper - lower:.2f} apart")
    too_narrow = rounded(mean, scale)
    return found.flagged(too_narrow) if too_narrow else found


def _kl(m: Tensor, s: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """KL(N(m_i, s_i²) ‖ N(means_j, scales_j²)) (rows, N) as matrix products."""
    if s.dim() < 2:
        return _half_squares(m / s, means / s)
    precision = scales**-2
    squares = (m.square() + s.square()) @ precision.T - 2 * m @ (means * precision).T
    return (squares + (means.square() * precision + 2 * scales.log() - 1).sum(1)) / 2 - s.log().sum(1, keepdim=True)


def _bhattacharyya(m: Tensor, s: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """Bhattacharyya distance of each row to each component (rows, N); with different scales no matrix product."""
    if s.dim() < 2:
        return _half_squares(m / s, means / s) / 4
    variance = (s.square().unsqueeze(1) + scales.square()) / 2
    squares = ((m.unsqueeze(1) - means).square() / variance).sum(2) / 8
    return squares + variance.log().sum(2) / 2 - (s.log().sum(1, keepdim=True) + scales.log().sum(1)) / 2


def _half_squares(m: Tensor, means: Tensor) -> Tensor:
    """|m_i − means_j|² / 2 (rows, N)."""
    return (m.square().sum(1, keepdim=True) + means.square().sum(1)) / 2 - m @ means.T
