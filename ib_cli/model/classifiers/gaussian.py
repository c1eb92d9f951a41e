"""A Gaussian c(y|z) for a continuous y."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import UNIT_RHO, CorrelatedGaussian, diagonal_gaussian
from ib_cli.model.blocks.layers import Activation, full_precision, perceptron


class Gaussian(nn.Module):
    """c(y|z) = N(μ(z), Σ) for a continuous y (B, d). Σ is learned and starts at I.

    μ is a linear map of z for `widths=[]`, else a perceptron with these hidden widths. `covariance=full`:
    Σ = (AᵀA)⁻¹ with A lower triangular; `diagonal`: the d dimensions are independent given z.
    Raises ConfigError if y is a label.
    """

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        covariance: Literal["full", "diagonal"],
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        if spec.classes is not None:
            raise ConfigError("classifier=gaussian predicts a continuous y, but this one is a label: use linear or mlp")
        (d,) = spec.target_shape
        self.network = perceptron(size, d, widths, activation, initialisation)
        self.rho = nn.Parameter(torch.full((d,), UNIT_RHO))
        self.lower = nn.Parameter(torch.zeros(d, d)) if covariance == "full" and d > 1 else None

    def forward(self, z: Tensor) -> Distribution:
        """z (S, B, K) → c(y|z), batch (S, B), event (d,)."""
        mean, diagonal = full_precision(self.network(z)), softplus(self.rho)
        if self.lower is None:
            return diagonal_gaussian(mean, diagonal)
        return CorrelatedGaussian(mean, self.lower.tril(-1) + diagonal.diag())
