"""q(z|x) = N(μ(x), diag s(x)²), the encoder of VIB and of the VAE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.bottlenecks.bottleneck import GaussianBottleneck


class Gaussian(GaussianBottleneck):
    """μ and ρ are linear maps of the features; s is a positive function of ρ.

    `scale=softplus`: s = softplus(ρ + offset), with offset −5 as in VIB (Alemi et al. 2016, §4);
    `scale=exp`: s = exp(ρ + offset);
    `scale=log_variance`: s = exp((ρ + offset)/2), so that ρ + offset = ln s², as in the VAE of Kingma and Welling
    (2014, App. C). A step of Adam moves ln s half as far as with `exp`.
    """

    def __init__(
        self,
        features: int,
        *,
        size: Annotated[int, Gt(0)],
        scale: Literal["softplus", "exp", "log_variance"],
        offset: float,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        self.size, self.offset = size, offset
        maps: dict[str, Callable[[Tensor], Tensor]] = {
            "softplus": softplus,
            "exp": torch.exp,
            "log_variance": _root_of_exp,
        }
        self.positive = maps[scale]
        self.parameters_of_z = Linear(features, 2 * size, initialisation)

    def density(self, features: Tensor) -> Distribution:
        """(B, features) → N(μ, diag s²), batch (B,), event (K,)."""
        mean, rho = full_precision(self.parameters_of_z(features)).chunk(2, dim=-1)
        return diagonal_gaussian(mean, self.positive(rho + self.offset))


def _root_of_exp(log_variance: Tensor) -> Tensor:
    """Standard deviations."""
    return (0.5 * log_variance).exp()
