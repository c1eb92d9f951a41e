"""The affine map from stored values to the values that a model sees."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ib_cli.datasets.columns import columns

Normalisation = Literal["unit", "symmetric", "standard", "zca", "none"]  # zca: `ib_cli.datasets.whitening`
INTERVALS: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}


class Affine(NamedTuple):
    """(stored − centre) · scale + shift; with `bounds`, values outside of them are moved to the nearer bound.

    The subtraction is in the type of what is stored, so that a large mean takes no precision away.
    """

    scale: Tensor  # float32: () one for all, (C, 1, 1) per channel, (F,) per feature
    shift: Tensor  # like scale
    bounds: tuple[float, float] | None
    centre: Tensor | None = None  # as stored, per channel or feature; None: 0

    def __call__(self, stored: Tensor) -> Tensor:
        """(B, *input_shape), as stored → the same shape in float32."""
        centred = stored if self.centre is None else stored - self.centre
        x = (centred * self.scale).add_(self.shift).float()
        return x if self.bounds is None else x.clamp_(*self.bounds)

    def inverse(self, x: Tensor) -> Tensor:
        """(B, *input_shape), as a model sees it → as it is stored, but in float32 and not rounded to its levels."""
        stored = (x - self.shift) / self.scale
        return stored if self.centre is None else stored + self.centre.float()

    def to(self, device: torch.device | str) -> Affine:
        centre = None if self.centre is None else self.centre.to(device)
        return Affine(self.scale.to(device), self.shift.to(device), self.bounds, centre)


def fit(kind: Normalisation, x: Tensor, levels: int | None) -> Affine:
    """The map for training samples x, (N, C, H, W) images or (N, F) vectors.

    `unit` and `symmetric` map to [0, 1] and [−1, 1], either from the stored values 0 … levels − 1 or, where levels is
    None, from the training range of each channel or feature; held-out values beyond that range are clamped. `standard`
    gives each channel or feature of x mean 0 and standard deviation 1. What is constant in x, or deviates by less than
    float32's smallest normal number, is only shifted. `none` changes nothing but the type.
    """
    if kind == "none":
        return Affine(torch.tensor(1.0), torch.tensor(0.0), None)
    low, high = INTERVALS.get(kind, (0.0, 0.0))
    if kind != "standard" and levels is not None:
        scale = torch.tensor((high - low) / (levels - 1), dtype=torch.float64)
        return Affine(scale.float(), torch.tensor(low), None)
    of = columns(x)
    centre = of.centres()
    if kind == "standard":
        scale = 1 / torch.where(of.varies, of.deviation, 1.0)
        return Affine(scale.float(), (-of.mean_above(centre) * scale).float(), None, centre)
    scale = (high - low) / torch.where(of.varies, of.width, 1.0)
    least = of.mean_above(centre) - of.above  # less the centre
    return Affine(scale.float(), (low - least * scale).float(), (low, high), centre)
