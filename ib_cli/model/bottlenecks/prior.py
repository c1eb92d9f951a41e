"""z is drawn from m(z), whatever x is: a generator without an encoder (Variational Glasses, §2.3)."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from ib_cli.contracts.noise import Tape
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class Prior(Bottleneck):
    """z ~ m(z), independent of x, so I(X;Z) = 0. The architecture is not built, as there is nothing to encode."""

    stochastic = False
    encodes = False

    def __init__(self, features: int, *, size: Annotated[int, Gt(0)]) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[None, Tensor]:
        """Raises TypeError: the model draws z from its marginal instead."""
        raise TypeError("bottleneck=prior encodes nothing: z is drawn from the marginal")
