"""A Gaussian backward encoder b(z|y)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import UNIT_RHO, diagonal_gaussian


class ClassConditionalGaussian(nn.Module):
    """b(z|y) = N(μ_y, diag s_y²), the backward encoder of the conditional entropy bottleneck (Fischer 2020).

    Raises ConfigError if y is continuous.
    """

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError(
                "backward_encoder=gaussian has one Gaussian a class, but y is continuous: choose an objective without "
                "R_Y, such as vib"
            )
        self.mean = nn.Parameter(torch.randn(spec.classes, size))
        self.rho = nn.Parameter(torch.full((spec.classes, size), UNIT_RHO))

    def forward(self, y: Tensor) -> Distribution:
        """(B,) labels → b(z|y), batch (B,), event (K,)."""
        return diagonal_gaussian(self.mean[y], softplus(self.rho)[y])
