"""A diagonal Gaussian marginal with learned mean and scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import UNIT_RHO, diagonal_gaussian
from ib_cli.model.marginals.marginal import Encode, Marginal


class LearnedDiagonal(Marginal):
    """m(z) = N(μ, diag s²) with μ and s learned, starting at N(0, I)."""

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size))
        self.rho = nn.Parameter(torch.full((size,), UNIT_RHO))

    def forward(self, encode: Encode) -> Distribution:
        """N(μ, diag s²), event (K,)."""
        return diagonal_gaussian(self.mean, softplus(self.rho))

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """μ + s ε."""
        return self.mean + softplus(self.rho) * tape.normal(count, len(self.mean))
