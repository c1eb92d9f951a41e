"""A fixed Laplace law as the marginal: many z near 0, and a few far away."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import Laplace as OneLaplace

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.marginals.marginal import Encode, Marginal


class Laplace(Marginal):
    """m(z) = Π_k exp(−|z_k|/b)/2b; R against it has a closed form for a Gaussian q(z|x)."""

    location: Tensor
    scale: Tensor

    def __init__(self, size: int, spec: Spec, *, scale: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(size))
        self.register_buffer("scale", torch.full((size,), scale))

    def forward(self, encode: Encode) -> Distribution:
        """The density, event (K,)."""
        return Independent(OneLaplace(self.location, self.scale, validate_args=False), 1, validate_args=False)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """−b sign(u) ln(1 − 2|u|) with u uniform on [−½, ½)."""
        u = tape.uniform(count, len(self.location)) - 0.5
        return -self.scale * u.sign() * torch.log1p(-2 * u.abs().clamp(max=LARGEST))


LARGEST = 0.5 - 2**-24  # of |u|: at ½, which float32 can draw, z would be infinite
