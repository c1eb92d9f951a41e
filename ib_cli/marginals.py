"""Marginals m(z), against which the rate is measured, and the backward encoder b(z|y) of CEB."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts import Spec
from ib_cli.densities import OneHot, diagonal_gaussian, mixture_of_gaussians
from ib_cli.errors import ConfigError

Encode = Callable[[Tensor], Distribution]  # x (B, *input_shape) → q(z|x)
UNIT_RHO = 0.541324854612918  # softplus⁻¹(1): scales that are learned start at 1


class Marginal(nn.Module):
    """m(z). Subclasses take the size K of z and the data's Spec, then their own keys."""

    uses_encoder = False  # whether the density is made of the model's own encodings
    discrete = False  # whether it is one of unit vectors z

    @abstractmethod
    def forward(self, encode: Encode) -> Distribution:
        """The density m(z), event (K,). `encode` is the model's own map x → q(z|x), for marginals made of it."""


class StandardNormal(Marginal):
    """m(z) = N(0, I)."""

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, encode: Encode) -> Distribution:
        """N(0, I), event (K,)."""
        return diagonal_gaussian(self.mean, self.scale)


class LearnedDiagonal(Marginal):
    """m(z) = N(μ, diag s²) with μ and s learned, starting at N(0, I)."""

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size))
        self.rho = nn.Parameter(torch.full((size,), UNIT_RHO))

    def forward(self, encode: Encode) -> Distribution:
        """N(μ, diag s²), event (K,)."""
        return diagonal_gaussian(self.mean, softplus(self.rho))


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


class VampPrior(Marginal):
    """m(z) = (1/M) Σ_k q(z|u_k), M learned pseudo-inputs u_k (Tomczak and Welling 2018, eq. 9).

    Pseudo-inputs stay within the data's interval through a sigmoid where it has one.
    """

    uses_encoder = True

    def __init__(self, size: int, spec: Spec, *, pseudo_inputs: Annotated[int, Gt(0)]) -> None:
        super().__init__()
        self.interval = spec.interval
        self.u = nn.Parameter(torch.randn(pseudo_inputs, *spec.input_shape))

    def forward(self, encode: Encode) -> Distribution:
        """The mixture of the pseudo-inputs' encodings, event (K,)."""
        u = self.u
        if self.interval is not None:
            low, high = self.interval
            u = low + (high - low) * torch.sigmoid(u)
        q = encode(u)
        return mixture_of_gaussians(q.mean.new_zeros(u.shape[0]), q.mean, q.stddev)


class Categorical(Marginal):
    """m(e_k) = π_k over the unit vectors, learned, starting at 1/K."""

    discrete = True

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(size))

    def forward(self, encode: Encode) -> OneHot:
        """π, event (K,)."""
        return OneHot(self.logits)


class ClassConditionalGaussian(nn.Module):
    """b(z|y) = N(μ_y, diag s_y²), the backward encoder of the conditional entropy bottleneck (Fischer 2020).

    Raises ConfigError where y is continuous.
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
