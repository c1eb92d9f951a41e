"""From a continuous y as it is read to y as the model sees it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ib_cli.datasets.columns import columns, difference


class TargetScale(NamedTuple):
    """(y − mean) / deviation of the train split, per dimension; a dimension that is constant there is only shifted."""

    least: Tensor  # (d,), as y came
    above: Tensor  # (d,) float64: mean − least
    deviation: Tensor  # (d,) float64, 1 where y is constant

    def __call__(self, y: Tensor) -> Tensor:
        """(N, d), as read → the same shape in float32."""
        return ((difference(y, self.least) - self.above) / self.deviation).float()

    def to(self, device: torch.device | str) -> TargetScale:
        return TargetScale(*(part.to(device) for part in self))


def fit_target_scale(y: Tensor) -> TargetScale:
    """The scale of training targets y (N, d)."""
    of = columns(y)
    return TargetScale(of.least, of.above, torch.where(of.varies, of.deviation, 1.0))
