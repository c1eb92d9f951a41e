"""Z = Ẑ + ε with ε ~ N(0, I/(2πe)): noise of zero entropy (Unpacking Information Bottlenecks, §6.1)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.bottlenecks.bottleneck import GaussianBottleneck

SCALE = 1 / math.sqrt(2 * math.pi * math.e)  # the standard deviation at which a Gaussian has entropy 0


class ZeroEntropyNoise(GaussianBottleneck):
    """Ẑ is a linear map of the features. H[Z|X] = 0 exactly for a deterministic encoder, so H[Z] = I[X;Z] ≥ 0."""

    least_noise = True

    def __init__(
        self, features: int, *, size: Annotated[int, Gt(0)], initialisation: Literal["torch", "xavier"]
    ) -> None:
        super().__init__()
        self.size = size
        self.mean = Linear(features, size, initialisation)

    @property
    def linear(self) -> str:
        """Name of the linear map to Ẑ."""
        return "mean"

    def density(self, features: Tensor) -> Distribution:
        """(B, features) → N(Ẑ, I/(2πe)), batch (B,), event (K,)."""
        mean = full_precision(self.mean(features))
        return diagonal_gaussian(mean, torch.full_like(mean, SCALE))
