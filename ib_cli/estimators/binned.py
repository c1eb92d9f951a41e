"""Deterministic Z cut into bins: the estimator of the first information planes."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.estimate import Estimate

LEAST_BIAS = 0.001  # nats; a smaller bias is not told, however small the error
MOST_BIAS = 0.1  # nats; a plug-in entropy with a larger first-order bias is flagged, whatever its standard error
CENTRAL = (0.05, 0.02, 0.01)  # shares beyond either end of the central values, which say how far the others may lie
FENCE = 3.0  # widths of the central values to either side; 11.5 standard deviations of a Gaussian


def bin_codes(
    z: Tensor, bins: int | None = 30, width: float | None = None, span: tuple[float, float] | None = None
) -> Tensor:
    """The occupied bin of each sample of z (N, K): codes 0 … M−1 (N,) for M occupied bins.

    Each dimension has either `bins` equal bins over `span`, or bins of `width` with an edge at 0. The default span is
    from the smallest to the largest value that lies within three widths of the central 90 % of the values, so that no
    outlier rules the bins. (Where these are all equal, the central 96 or 98 % take their place.) Values outside fall
    into the outer bins. Rows are renumbered after each dimension, so
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
    (Miller 1955), H[Z|Y] by (M_zy − M_y)/2N, and I[Y;Z] too high by (M_zy − M_z − M_y + 1)/2N. A quantity is flagged
    where this exceeds its standard error. Where it is over 0.1 nats for H[Z] or H[Z|Y], as when nearly every sample has
    its own bin and H[Z] is near ln N, every quantity computed from it is flagged. Options and errors as in `bin_codes`;
    also ValueError for labels that are not integers or do not match.
    """
    z = checked.matrix(z, "z")
    codes = bin_codes(z, bins, width, span)
    n = len(codes)
    of_z, bins_of_z = _surprise(codes)
    note = _outlying(z) if width is None and span is None else ""
    found = {name: _mean(name, of_z, _Bias("H[Z]", 1 - bins_of_z, n), note) for name in ("H[Z]", "I[X;Z]")}
    found["H[Z|X]"] = Estimate("H[Z|X]", "binned", 0.0, stderr=0.0, n=n)
    if y is None:
        return found
    index, counts = checked.classes(y, n, at_least=1, device=z.device)
    of_y, bins_of_y = _surprise(index)
    of_both, bins_of_both = _surprise(codes * len(counts) + index)
    within = of_both - of_y
    bias = _Bias("H[Z|Y]", bins_of_y - bins_of_both, n)
    found |= {name: _mean(name, within, bias, note) for name in ("H[Z|Y]", "I[X;Z|Y]")}
    shared, parts = max(bins_of_both - bins_of_z - bins_of_y + 1, 0), [_Bias("H[Z]", 1 - bins_of_z, n), bias]
    parts.append(_Bias("H[Y]", 1 - bins_of_y, n))  # with nearly a label a sample the orders of the bias cancel
    for name, terms, sign in (("I[Y;Z]", of_z - within, 1), ("H[Y|Z]", of_both - of_z, -1)):
        found[name] = _mean(name, terms, _Bias(name, sign * shared, n), note)
        for part in parts:
            if part.large:
                found[name] = found[name].flagged(part.reason)
    return found


def _equal_bins(z: Tensor, bins: int, span: tuple[float, float] | None) -> Tensor:
    """Bin of each value (N, K), 0 … bins − 1; a constant dimension has one bin."""
    if not inputs.whole_number(bins) or bins < 1:
        raise ValueError(f"bins must be 1 or more, not {bins}")
    low: Tensor | float
    extent: Tensor | float
    if span is None:
        low, high = _range(z)
        extent = torch.where(high > low, high - low, 1.0)
    else:
        low, extent = span[0], span[1] - span[0]
        if not (math.isfinite(low) and math.isfinite(extent) and extent > 0):
            raise ValueError(f"span must be two finite numbers, the smaller first, not {span}")
    return ((z - low) / extent * bins).floor().clamp(0, bins - 1)


def _range(z: Tensor) -> tuple[Tensor, Tensor]:
    """The ends (K,) of the bins of z (N, K): its smallest and its largest value that is no outlier."""
    ordered, last = z.sort(0).values, len(z) - 1
    low, high = ordered[0], ordered[-1]
    open_ = torch.ones_like(low, dtype=torch.bool)  # dimensions whose central values are all equal so far
    for share in CENTRAL:
        first, third = ordered[math.floor(share * last)], ordered[math.ceil((1 - share) * last)]
        reach = FENCE * (third - first)
        found = open_ & (reach > 0)
        low = torch.where(found, torch.maximum(low, first - reach), low)
        high = torch.where(found, torch.minimum(high, third + reach), high)
        open_ = open_ & ~found
    within = (ordered >= low) & (ordered <= high)
    return ordered.where(within, math.inf).amin(0), ordered.where(within, -math.inf).amax(0)


def _outlying(z: Tensor) -> str:
    """How many dimensions of z (N, K) have outliers, in words; '' for none."""
    low, high = _range(z)
    far = int(((z.amin(0) < low) | (z.amax(0) > high)).sum())
    return f"outliers in {far} of {z.shape[1]} dimensions are in the outer bins" if far else ""


def _surprise(codes: Tensor) -> tuple[Tensor, int]:
    """−ln frequency of each sample's code (N,), and the number of codes."""
    _, place, counts = codes.unique(return_inverse=True, return_counts=True)
    return -(counts.double() / len(codes)).log()[place], len(counts)


@dataclasses.dataclass(frozen=True)
class _Bias:
    """The bias of a quantity that is made of frequencies, to first order: `freedom`/2N nats."""

    quantity: str
    freedom: int  # degrees of freedom; negative: too low
    n: int

    @property
    def size(self) -> float:
        return abs(self.freedom) / (2 * self.n)

    @property
    def large(self) -> bool:
        return self.size > MOST_BIAS

    @property
    def scatter(self) -> float:
        """The standard deviation that frequencies have where the terms are all alike: half of a χ²/N."""
        return math.sqrt(2 * abs(self.freedom)) / (2 * self.n)

    @property
    def reason(self) -> str:
        side = "low" if self.freedom < 0 else "high"
        return f"too few samples for the bins: {self.quantity} is {side} by {self.size:.2g} or more"


def _mean(quantity: str, terms: Tensor, bias: _Bias, note: str) -> Estimate:
    n = len(terms)
    stderr = math.hypot(float(terms.std()) / math.sqrt(n), bias.scatter)
    found = Estimate(quantity, "binned", float(terms.mean()), stderr=stderr, n=n, reason=note)
    return found.flagged(bias.reason) if bias.large or bias.size > max(stderr, LEAST_BIAS) else found
