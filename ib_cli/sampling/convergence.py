"""Whether chains have seen the same: rank-normalised split R̂ and the effective sample size (Vehtari et al. 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FEWEST = 4  # records of a chain from which on its halves can be compared
ROUNDING = 64  # a range of so many roundings is none


def split_spread(series: Tensor) -> float:
    """R̂ of a series (T, M) of T records of M chains: the larger of those of bulk and tails.

    Each chain is cut into halves, so that a chain that drifts disagrees with itself. Values become normal scores of
    their ranks (Vehtari et al. 2021, eq. 14), for the tails after folding, |x − median|. R̂ = √((n − 1)/n + B/(n W)),
    n = T/2, of the variance of the halves' means, B/n, and the mean variance within halves, W (eqs. 1 – 4). It is 1
    where nothing differs, infinite where all halves stand still at different places, and NaN with fewer than 2 chains
    or `FEWEST` records: the halves of one chain cannot tell what other chains would see.
    """
    T, M = series.shape
    if T < FEWEST or M < 2:
        return math.nan
    if constant(series):
        return 1.0
    halves = _halves(series.double())
    folded = (halves - _median(halves)).abs()
    return max(_spread(_scores(each)) for each in (halves, folded) if not constant(each))


def effective_size(series: Tensor) -> float:
    """How many independent records the T records of M chains (T, M) are worth for the bulk of the law.

    n M′/τ of the normal scores of the chains' halves, τ = 1 + 2 Σ_t ρ_t with Geyer's (1992) cut (Vehtari et al. 2021,
    eqs. 10 – 14), at most M T log₁₀(M T). Positive correlations make it smaller than M T, and so do chains that
    disagree. NaN with fewer than `FEWEST` records.
    """
    T, M = series.shape
    if T < FEWEST:
        return math.nan
    if constant(series):
        return float(T * M)
    scores = _scores(_halves(series.double()))
    variance, rho = correlations(scores)
    size = scores.numel()
    if variance == 0:
        return float(size)
    return size / max(correlation_time(rho), 1 / math.log10(size))


def chance_spread(T: int, M: int) -> float:
    """What R̂ of T records of M chains stays below by chance, if all records are independent.

    B/W then has Fisher's law of 2 M − 1 and 2 M (n − 1) degrees of freedom. Five standard deviations are
    allowed, as this law has a long tail: of 200 simulated runs at most 2 % came further.
    """
    n = T // 2
    deviation = math.sqrt(2 / (2 * M - 1) + 2 / (2 * M * (n - 1)))
    return math.sqrt(1 + 5 * deviation / n)


def correlations(series: Tensor) -> tuple[float, Tensor]:
    """The variance of a record (T ≥ 2), that of the chains' means included, and autocorrelations at lags 0 … T − 1.

    ρ_t = 1 − (W − s_t)/V with W the mean variance within chains, V = W (T − 1)/T plus the variance of the chains'
    means, and s_t the chains' mean autocovariance (Vehtari et al. 2021, eq. 10). NaN where V = 0.
    """
    T, M = series.shape
    covariance = _autocovariance(series) * T / (T - 1)
    within = float(covariance[0])
    variance = within * (T - 1) / T + (float(series.mean(0).var()) if M > 1 else 0.0)
    rho = 1 - (within - covariance) / variance
    rho[0] = 1
    return variance, rho


def correlation_time(rho: Tensor) -> float:
    """1 + 2 Σ_t ρ_t up to where sums of neighbouring pairs turn negative; no pair counts more than the one before."""
    pairs = rho[: len(rho) // 2 * 2].view(-1, 2).sum(1)
    negative = (pairs <= 0).nonzero()
    kept = pairs[: int(negative[0])] if len(negative) else pairs
    falling = kept.cummin(0).values if len(kept) else kept
    return max(float(2 * falling.sum()) - 1, 1 / len(rho))


def constant(series: Tensor) -> bool:
    """Whether all records are one number, but for rounding."""
    eps = torch.finfo(series.dtype).eps if series.is_floating_point() else 0.0
    return float(series.max() - series.min()) <= ROUNDING * eps * float(series.abs().max())


def _halves(series: Tensor) -> Tensor:
    """First and last halves of the chains as chains of their own, (T/2, 2 M); the middle one of odd T is left out."""
    half = len(series) // 2
    return torch.cat([series[:half], series[-half:]], dim=1)


def _scores(values: Tensor) -> Tensor:
    """Φ⁻¹((rank − 3/8)/(count + 1/4)) of each value, of the same shape; equal values share their mean rank."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    ranks = counts.cumsum(0).double() - (counts.double() - 1) / 2
    return torch.special.ndtri((ranks[inverse] - 0.375) / (values.numel() + 0.25))


def _median(values: Tensor) -> Tensor:
    ordered = values.flatten().sort().values  # torch's own takes the lower of the two in the middle
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _spread(series: Tensor) -> float:
    n = len(series)
    within = float(series.var(0).mean())
    if within == 0:
        return math.inf
    return math.sqrt((n - 1) / n + float(series.mean(0).var()) / within)


def _autocovariance(series: Tensor) -> Tensor:
    """Autocovariance at lags 0 … T − 1, the mean over chains, normalised by T: (T,)."""
    T = len(series)
    transformed = torch.fft.rfft(series - series.mean(0), n=2 * T, dim=0)
    return torch.fft.irfft(transformed.abs().square(), n=2 * T, dim=0)[:T].mean(1) / T
