"""What each channel or feature of samples holds, found in the precision that the data came in."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 4096  # samples turned to float64 at a time: statistics of 50 000 colour images at once would take 1.2 GB
LEAST = torch.finfo(torch.float32).tiny  # float32 has no finite inverse of most smaller numbers
FAR = 32.0  # deviations between 0 and the mean, from which float32's rounding of stored · scale + shift may be felt
LOST = 1e-3  # largest rounding by float32 that a model may see, in deviations
SHOWN = 5  # columns that a message names


class Columns(NamedTuple):
    """Statistics of samples for each channel, (C, 1, 1), or feature, (F,). None is rounded by a large mean."""

    least: Tensor  # in the type of the samples
    above: Tensor  # mean − least, float64
    deviation: Tensor  # standard deviation, float64
    width: Tensor  # greatest − least, float64

    @property
    def mean(self) -> Tensor:
        """Float64."""
        return self.least.double() + self.above

    @property
    def varies(self) -> Tensor:
        """Where the deviation is one that float32 can divide by; the other columns count as constant."""
        return self.deviation >= LEAST

    @property
    def far(self) -> Tensor:
        """Where the mean is many deviations from 0, so that samples must be centred before anything is multiplied."""
        return self.varies & (self.mean.abs() > FAR * self.deviation)

    def centres(self) -> Tensor | None:
        """A value of the samples' own type near the mean of each column that lies far from 0 or is constant, else 0.

        None where no column lies far from 0: there is then nothing to gain.
        """
        if not self.far.any():
            return None
        needed = self.far | ~self.varies
        if self.least.is_floating_point():
            return torch.where(needed, self.mean, 0.0).to(self.least.dtype)
        return torch.where(needed, self.least.long() + self.above.round().long(), 0)

    def mean_above(self, centres: Tensor | None) -> Tensor:
        """mean − centres, float64."""
        if centres is None:
            return self.mean
        return difference(self.least, centres) + self.above


def columns(x: Tensor) -> Columns:
    """Of samples x: (N, C, H, W) images or (N, F) vectors, of any type."""
    axes, count = (0, *range(2, x.dim())), x.numel() / x.shape[1]
    least, greatest = x.amin(axes, keepdim=True), x.amax(axes, keepdim=True)
    above = _total([difference(part, least).sum(axes, keepdim=True) for part in x.split(CHUNK)]) / count
    squares = [(difference(part, least) - above).square_().sum(axes, keepdim=True) for part in x.split(CHUNK)]
    width = difference(greatest, least)
    # The rounded mean of equal values can differ from them, so that their variance would not be exactly zero.
    deviation = torch.where(width > 0, (_total(squares) / count).sqrt(), 0.0)
    return Columns(least[0], above[0], deviation[0], width[0])


def narrowed(parts: list[Tensor]) -> list[Tensor]:
    """Samples of several splits, the training samples first, as float32 where that loses nothing that matters.

    Bytes stay bytes. Others stay as precise as they came if float32 rounds them and a column's mean is many deviations
    from 0, as of time stamps.
    """
    if len({part.dtype for part in parts}) > 1:
        parts = [part.double() for part in parts]
    if parts[0].dtype == torch.uint8:
        return parts
    if parts[0].dtype != torch.float32:
        far = columns(parts[0]).far
        if far.any() and any((rounding(part, torch.float32) > 0)[far].any() for part in parts):
            return parts
    return [part.float() for part in parts]


def lost(parts: list[Tensor], name: str, remedy: str) -> str:
    """What float32 would lose of the splits of samples named `name`, and the remedy; '' where that is nothing much."""
    for x in parts:
        of, errors = columns(x), rounding(x, torch.float32)
        bad = (errors > LOST * of.deviation) & (of.width > 0)
        if bad.any():
            step, deviation = errors[bad][0].item(), of.deviation[bad][0].item()
            right = remedy if of.varies[bad].all() else "multiply them by a large number"
            what = f"float32 rounds {named(bad)} of {name} by up to {step:.3g}"
            return f"{what}, where the deviation is {deviation:.3g}: {right}"
    return ""


def named(which: Tensor) -> str:
    """The channels or features of a mask, in words."""
    kind = "channel" if which.dim() > 1 else "column"
    numbers = which.flatten().nonzero().flatten().tolist()
    shown = ", ".join(map(str, numbers[:SHOWN]))
    return f"{kind} {shown}" + (f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else "")


def difference(x: Tensor, y: Tensor) -> Tensor:
    """x − y in float64; whole numbers are subtracted as such where their difference is one that int64 holds."""
    rounded = x.double() - y.double()
    if x.is_floating_point() or y.is_floating_point():
        return rounded
    return torch.where(rounded.abs() < 2.0**62, (x.long() - y.long()).double(), rounded)


def rounding(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Largest |x − x in another type| of each column, float64."""
    axes = (0, *range(2, x.dim()))
    parts = [difference(part, part.to(dtype).to(part.dtype)).abs().amax(axes, keepdim=True) for part in x.split(CHUNK)]
    return torch.stack(parts).amax(0)[0]


def _total(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0)
