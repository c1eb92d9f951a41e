"""The affine map from stored values to the values that a model sees."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Normalisation = Literal["unit", "symmetric", "standard", "none"]
INTERVALS: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}
CHUNK = 4096  # samples turned to float64 at a time: statistics of 50 000 colour images at once would take 1.2 GB


class Affine(NamedTuple):
    """stored · scale + shift; with `bounds`, values outside of them are moved to the nearer bound."""

    scale: Tensor  # float32: () one for all, (C, 1, 1) per channel, (F,) per feature
    shift: Tensor  # like scale
    bounds: tuple[float, float] | None

    def __call__(self, stored: Tensor) -> Tensor:
        """(B, *input_shape) uint8 or float32 → the same shape in float32."""
        x = (stored * self.scale).add_(self.shift)
        return x if self.bounds is None else x.clamp_(*self.bounds)

    def to(self, device: torch.device | str) -> Affine:
        return Affine(self.scale.to(device), self.shift.to(device), self.bounds)


def fit(kind: Normalisation, x: Tensor, levels: int | None) -> Affine:
    """The map for training samples x, (N, C, H, W) images or (N, F) vectors.

    `unit` and `symmetric` map to [0, 1] and [−1, 1], either from the stored values 0 … levels − 1 or, where levels is
    None, from the training range of each channel or feature; held-out values beyond that range are clamped. `standard`
    gives each channel or feature of x mean 0 and standard deviation 1. What is constant in x is only shifted. `none`
    changes nothing but the type.
    """
    if kind == "none":
        return Affine(torch.tensor(1.0), torch.tensor(0.0), None)
    if kind == "standard":
        mean, deviation = _moments(x)
        return _affine(1 / deviation, -mean / deviation)
    low, high = INTERVALS[kind]
    if levels is not None:
        scale = torch.tensor((high - low) / (levels - 1), dtype=torch.float64)
        return _affine(scale, torch.tensor(low))
    least, greatest = _range(x)
    width = torch.where(greatest > least, greatest - least, 1.0)
    scale = (high - low) / width
    return _affine(scale, low - least * scale, (low, high))


def _affine(scale: Tensor, shift: Tensor, bounds: tuple[float, float] | None = None) -> Affine:
    return Affine(scale.float(), shift.float(), bounds)


def _axes(x: Tensor) -> tuple[int, ...]:
    """The axes over which statistics are taken: all but the channels of images, all but the features of vectors."""
    return (0, *range(2, x.dim()))


def _range(x: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest value of each channel (C, 1, 1) or feature (F,), float64."""
    return x.amin(_axes(x), keepdim=True)[0].double(), x.amax(_axes(x), keepdim=True)[0].double()


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (1 where constant) of each channel (C, 1, 1) or feature (F,), float64."""
    axes, count = _axes(x), x.numel() / x.shape[1]
    mean = sum(part.double().sum(axes, keepdim=True) for part in x.split(CHUNK)) / count
    variance = sum((part.double() - mean).square_().sum(axes, keepdim=True) for part in x.split(CHUNK)) / count
    least, greatest = _range(x)
    # The rounded mean of equal values can differ from them, so that their variance would not be exactly zero.
    return mean[0], torch.where(greatest > least, variance[0].sqrt(), 1.0)
