"""A learned mixture of diagonal Gaussians as the marginal."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import UNIT_RHO, chosen, mixture_of_gaussians
from ib_cli.model.marginals.marginal import Encode, Marginal


class MixtureOfGaussians(Marginal):
    """m(z) = Σ_k π_k N(μ_k, diag s_k²), all learned; means start from N(0, I), scales at 1, weights equal."""

    def __init__(self, size: int, spec: Spec, *, components: Annotated[int, Gt(0)]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(components, size))
        self.rho = nn.Parameter(torch.full((components, size), UNIT_RHO))

    def forward(self, encode: Encode) -> Distribution:
        """The mixture, event (K,)."""
        return mixture_of_gaussians(self.logits, self.mean, softplus(self.rho))

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """μ_k + s_k ε, with k of probability π_k; the choice has no gradient."""
        k = chosen(self.logits, tape.uniform(count))
        return self.mean[k] + softplus(self.rho[k]) * tape.normal(count, self.mean.shape[1])
