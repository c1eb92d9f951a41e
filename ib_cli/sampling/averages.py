"""Averages over chains, with errors that take the chains' memory into account."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Average(NamedTuple):
    """A mean over T records of M chains."""

    mean: float
    stderr: float  # of the mean; NaN where too little was recorded
    spread: float  # R̂: about 1 where all chains have seen the same


def average(series: Tensor, weights: Tensor | None = None) -> Average:
    """The mean of a series (T, M) of T records: its M chains are independent, the records of a chain may be correlated.

    For weights w (T,) of sum 1, by default equal ones, the variance of the mean is V τ Σ_t w_t²/M (Vehtari et al. 2021,
    §3.2). V is the variance of a record, pooled over chains, the variance of the chains' means included.
    τ = 1 + 2 Σ_t ρ_t; the sum is cut off where Geyer's (1992, §3.3) pairs cease to be positive, and no pair counts more
    than the one before. R̂ is √(V/W), W the variance within chains (Gelman and Rubin 1992).
    """
    series = series.double()
    T, M = series.shape
    w = torch.full((T,), 1 / T, dtype=series.dtype) if weights is None else weights.double() / weights.double().sum()
    w = w.to(series.device)
    mean = float((w @ series).mean())
    nan = float("nan")
    if T < 4:  # too few for autocorrelations: only the spread of the chains' means tells
        return Average(mean, float((w @ series).std() / M**0.5) if M > 1 else nan, nan)
    covariance = _autocovariance(series)
    within = float(covariance[0]) * T / (T - 1)
    variance = within * (T - 1) / T + (float(series.mean(0).var()) if M > 1 else 0.0)
    if variance == 0:
        return Average(mean, 0.0, 1.0)
    rho = 1 - (within - covariance * T / (T - 1)) / variance
    rho[0] = 1
    stderr = (variance * _time(rho) * float(w.square().sum()) / M) ** 0.5
    return Average(mean, stderr, (variance / within) ** 0.5 if within else float("inf"))


def ratio(over: Tensor, under: Tensor, weights: Tensor | None = None) -> Average:
    """⟨over⟩/⟨under⟩ of two series (T, M), with the error of the linearised quotient."""
    top, bottom = average(over, weights).mean, average(under, weights).mean
    found = average((over - top / bottom * under) / bottom, weights)
    return found._replace(mean=top / bottom)


def _autocovariance(series: Tensor) -> Tensor:
    """Autocovariance at lags 0 … T − 1, the mean over chains, normalised by T: (T,)."""
    T = len(series)
    transformed = torch.fft.rfft(series - series.mean(0), n=2 * T, dim=0)
    return torch.fft.irfft(transformed.abs().square(), n=2 * T, dim=0)[:T].mean(1) / T


def _time(rho: Tensor) -> float:
    """1 + 2 Σ_t ρ_t up to where sums of neighbouring pairs turn negative; no pair counts more than the one before."""
    pairs = rho[: len(rho) // 2 * 2].view(-1, 2).sum(1)
    negative = (pairs <= 0).nonzero()
    kept = pairs[: int(negative[0])] if len(negative) else pairs
    falling = kept.cummin(0).values if len(kept) else kept
    return max(float(2 * falling.sum()) - 1, 1 / len(rho))
