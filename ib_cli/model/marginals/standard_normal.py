"""The marginal m(z) = N(0, I)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.marginals.marginal import Encode, Marginal


class StandardNormal(Marginal):
    """m(z) = N(0, I)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, encode: Encode) -> Distribution:
        """N(0, I), event (K,)."""
        return diagonal_gaussian(self.mean, self.scale)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """ε ~ N(0, I)."""
        return tape.normal(count, len(self.mean))
