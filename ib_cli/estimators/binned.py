"""Deterministic Z cut into bins: the estimator of the first information planes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ib_cli.estimators import checked
from ib_cli.estimators.estimate import Estimate

MOST_BIAS = 0.1  # nats; a plug-in entropy with a larger first-order bias is flagged


def bin_codes(
    z: Tensor, bins: int | None = 30, width: float | None = None, span: tuple[float, float] | None = None
) -> Tensor:
    """The occupied bin of each sample of z (N, K): codes 0 … M−1 (N,) for M occupied bins.

    Each dimension has either `bins` equal bins over `span` (default: its smallest to its largest value; values outside
    fall into the outer bins), or bins of `width` with an edge at 0. Rows are renumbered after each dimension, so
    distinct rows get distinct codes and no hash can collide. Raises ValueError for NaN, infinities and options that
    make no bins.
    """
    z = checked.matrix(z, "z")
    if width is not None and bins is None:
        if not (math.isfinite(width) and width > 0):
            raise ValueError(f"width must be positive, not {width}")
        cells = (z / width).floor()
        if float(cells.abs().max()) > 2**52:
            raise ValueError(f"width {width} is below the precision of the largest value, {float(z.abs().max()):.3g}")
    elif bins is not None and width is None:
        cells = _equal_bins(z, bins, span)
    else:
        raise ValueError("either bins or width must be given, and the other be None")
    codes = torch.zeros(len(z), dtype=torch.long, device=z.device)
    for column in cells.T:
        column = column.unique(return_inverse=True)[1]
        codes = (codes * (int(column.max()) + 1) + column).unique(return_inverse=True)[1]
    return codes


def binned_information(
    z: Tensor,
    y: Tensor | None = None,
    *,
    bins: int | None = 30,
    width: float | None = None,
    span: tuple[float, float] | None = None,
) -> dict[str, Estimate]:
    """H[Z], I[X;Z], H[Z|X] and, with labels, H[Z|Y], I[Y;Z], I[X;Z|Y], H[Y|Z] in nats, of z (N, K) in bins.

    Shwartz-Ziv & Tishby 2017, "Opening the Black Box of Deep Neural Networks via Information" (30 bins). Z is a
    function of X, so the *binned* Z has I[X;Z] = H[Z] and H[Z|X] = 0; the continuous Z has I[X;Z] = ∞. The values
    depend on the bins.

    Frequencies stand for probabilities: with M occupied bins H is too low by (M − 1)/2N nats to first order
    (Miller 1955). Where this is over 0.1 nats for H[Z] or H[Z|Y], as when nearly every sample has its own bin and H[Z]
    is near ln N, the entropy is flagged, and so is every quantity computed from it. Options and errors as in
    `bin_codes`; also ValueError for labels that are not integers or do not match.
    """
    codes = bin_codes(z, bins, width, span)
    n = len(codes)
    of_z, of_z_missing = _surprise(codes)
    doubts = _doubts("H[Z]", of_z_missing)
    found = {name: _mean(name, of_z, doubts) for name in ("H[Z]", "I[X;Z]")}
    found["H[Z|X]"] = Estimate("H[Z|X]", "binned", 0.0, stderr=0.0, n=n)
    if y is None:
        return found
    index, counts = checked.classes(y.to(z.device), n, at_least=1)
    of_y, of_y_missing = _surprise(index)
    of_both, of_both_missing = _surprise(codes * len(counts) + index)
    within = of_both - of_y
    doubts_within = _doubts("H[Z|Y]", of_both_missing - of_y_missing)
    found |= {name: _mean(name, within, doubts_within) for name in ("H[Z|Y]", "I[X;Z|Y]")}
    found["I[Y;Z]"] = _mean("I[Y;Z]", of_z - within, doubts + doubts_within)
    found["H[Y|Z]"] = _mean("H[Y|Z]", of_both - of_z, doubts + doubts_within)
    return found


def _equal_bins(z: Tensor, bins: int, span: tuple[float, float] | None) -> Tensor:
    """Bin of each value (N, K), 0 … bins − 1; a constant dimension has one bin."""
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, not {bins}")
    low: Tensor | float
    extent: Tensor | float
    if span is None:
        low, high = z.amin(0), z.amax(0)
        extent = torch.where(high > low, high - low, 1.0)
    else:
        low, extent = span[0], span[1] - span[0]
        if not (math.isfinite(low) and math.isfinite(extent) and extent > 0):
            raise ValueError(f"span must be two finite numbers, the smaller first, not {span}")
    return ((z - low) / extent * bins).floor().clamp(0, bins - 1)


def _surprise(codes: Tensor) -> tuple[Tensor, float]:
    """−ln frequency of each sample's code (N,), and the first-order shortfall of its mean, (M − 1)/2N."""
    _, place, counts = codes.unique(return_inverse=True, return_counts=True)
    n = len(codes)
    return -(counts.double() / n).log()[place], (len(counts) - 1) / (2 * n)


def _doubts(quantity: str, missing: float) -> list[str]:
    """Reasons not to trust an entropy of frequencies, nor what is computed from it; empty if there are none."""
    return [f"too few samples for the bins: {quantity} is low by {missing:.2f} or more"] if missing > MOST_BIAS else []


def _mean(quantity: str, terms: Tensor, doubts: list[str]) -> Estimate:
    n = len(terms)
    found = Estimate(quantity, "binned", float(terms.mean()), stderr=float(terms.std()) / math.sqrt(n), n=n)
    return found.flagged("; ".join(doubts)) if doubts else found
