"""A fixed mixture of Gaussians around a circle as the marginal: clusters that an encoder is to fill."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import chosen, mixture_of_gaussians
from ib_cli.model.marginals.marginal import Encode, Marginal


class FixedMixture(Marginal):
    """m(z) = (1/M) Σ_k N(μ_k, s² I), with μ_k evenly on a circle of radius r in the first two dimensions, else 0.

    If z has one dimension, the μ_k are evenly between −r and r. As in Makhzani et al. (2015, Figure 4).
    """

    logits: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        components: Annotated[int, Gt(0)],
        radius: Annotated[float, Gt(0)],
        scale: Annotated[float, Gt(0)],
    ) -> None:
        super().__init__()
        mean = torch.zeros(components, size)
        if size == 1:
            mean[:, 0] = torch.linspace(-radius, radius, components)
        else:
            angle = 2 * math.pi * torch.arange(components) / components
            mean[:, 0], mean[:, 1] = radius * angle.cos(), radius * angle.sin()
        self.register_buffer("logits", torch.zeros(components))
        self.register_buffer("mean", mean)
        self.register_buffer("scale", torch.full((components, size), scale))

    def forward(self, encode: Encode) -> Distribution:
        """The mixture, event (K,)."""
        return mixture_of_gaussians(self.logits, self.mean, self.scale)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """μ_k + s ε, with each k of the same probability."""
        k = chosen(self.logits, tape.uniform(count))
        return self.mean[k] + self.scale[k] * tape.normal(count, self.mean.shape[1])
