"""A uniform law on a box as the marginal, for objectives that compare draws."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import Uniform as OneUniform

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.marginals.marginal import Encode, Marginal


class Uniform(Marginal):
    """m(z) = (2w)^−K on [−w, w]^K, else 0. R against it is infinite for a Gaussian q(z|x), which no box holds."""

    bounded = True
    half_width: Tensor

    def __init__(self, size: int, spec: Spec, *, half_width: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        self.register_buffer("half_width", torch.full((size,), half_width))

    def forward(self, encode: Encode) -> Distribution:
        """The density, event (K,)."""
        return Independent(OneUniform(-self.half_width, self.half_width, validate_args=False), 1, validate_args=False)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """w (2u − 1) with u uniform on [0, 1)."""
        return self.half_width * (2 * tape.uniform(count, len(self.half_width)) - 1)
