"""Regions of samples, small enough that float32 about their own centres resolves their neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.estimators.neighbours.distances import Points, Products

CENTRES = 64  # most regions with a centre of their own


def localities(points: Points, typical: float) -> Tensor:
    """A region for each sample (N,), given a `typical` squared distance to a neighbour.

    Each sample goes to its nearest centre. The centres are farthest points in turn (Gonzalez, Theor. Comput. Sci. 38,
    1985), until nine tenths of the samples are so near to a centre that errors are harmless, or there are `CENTRES`.
    """
    # a radius R makes errors of up to bound · (2R)²; a twentieth of a neighbour's squared distance is harmless
    radius = (typical / (80 * Products.bound(points.width))) ** 0.5
    values = points.values
    assigned = torch.zeros(len(values), dtype=torch.int64, device=values.device)
    best = points.from_one(values.mean(0))
    for number in range(1, CENTRES):
        if int((best <= radius).count_nonzero()) >= 0.9 * len(best):
            break
        distance = points.from_one(values[best.argmax()])
        assigned[distance < best] = number
        best = torch.minimum(best, distance)
    return assigned
