"""Averages over chains, with errors that take the chains' memory into account."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ib_cli.sampling.convergence import constant, correlation_time, correlations, effective_size, split_spread

CHAINS = 4  # fewest chains whose means alone tell the error
LONG = 20  # autocorrelation times of a chain from which on its autocorrelations are known well enough
WORTH = 100  # independent records of all chains that an error by autocorrelations needs


class Average(NamedTuple):
    """A mean over T records of M chains."""

    mean: float
    stderr: float  # of the mean; NaN where too little was recorded
    spread: float  # R̂, see `split_spread`: about 1 where all chains have seen the same
    effective: float  # how many independent records these are worth, see `effective_size`


def average(series: Tensor, weights: Tensor | None = None) -> Average:
    """The mean of a series (T, M) of T records: its M chains are independent, the records of a chain may be correlated.

    With weights w (T,) of sum 1, by default equal ones. The variance of the mean is that of the M chains' means,
    Σ_m (x̄_m − x̄)²/((M − 1) M), enlarged by `student(M)`, until there are records enough: T ≥ `LONG` τ and
    M T ≥ `WORTH` τ. From there on it is V τ Σ_t w_t²/M (Vehtari et al. 2021, §3.2), T being 1/Σ_t w_t². V is the
    variance of a record, the variance of the chains' means included, and τ = 1 + 2 Σ_t ρ_t with Geyer's (1992, §3.3)
    cut. With fewer records, autocorrelations are too uncertain: they would give z-scores of 1.3 to 7.
    """
    exact = series.double()
    T, M = exact.shape
    w = torch.full((T,), 1 / T, dtype=exact.dtype) if weights is None else weights.double() / weights.double().sum()
    w = w.to(series.device)
    means = w @ exact
    found = Average(float(means.mean()), math.nan, split_spread(series), effective_size(series))
    if M > 1 and constant(series):
        return found._replace(stderr=0.0)
    squares = float(w.square().sum())
    stderr = _by_autocorrelation(exact, squares) if T > 1 else math.nan
    if math.isnan(stderr) and M >= CHAINS:
        stderr = float(means.std()) * student(M) / math.sqrt(M)
    return found._replace(stderr=stderr)


def student(M: float) -> float:
    """√((M − 1)/(M − 3)): z-scores of M > 3 samples, by the samples' own variance, have this standard deviation.

    They have Student's t distribution of M − 1 degrees of freedom.
    """
    return math.sqrt((M - 1) / (M - 3))


def ratio(over: Tensor, under: Tensor, weights: Tensor | None = None) -> Average:
    """⟨over⟩/⟨under⟩ of two series (T, M), with the error of the linearised quotient."""
    top, bottom = average(over, weights).mean, average(under, weights).mean
    found = average((over - top / bottom * under) / bottom, weights)
    return found._replace(mean=top / bottom)


def _by_autocorrelation(series: Tensor, squares: float) -> float:
    """The standard error by the chains' autocorrelations, `squares` being Σ_t w_t²; NaN with too few records."""
    variance, rho = correlations(series)
    if variance == 0:
        return math.nan
    time, records = correlation_time(rho), 1 / squares
    if records < LONG * time or records * series.shape[1] < WORTH * time:
        return math.nan
    return math.sqrt(variance * time * squares / series.shape[1])
