"""Monte-Carlo dropout as the stochastic encoder: z is a linear map of randomly dropped features."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import DropoutRate, Linear, full_precision
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class Dropout(Bottleneck):
    """Each draw of z has a mask of its own, in evaluations too (Gal and Ghahramani 2016; Unpacking §5.3).

    z = W (h ⊙ ε)/(1 − p) + b with ε ~ Bernoulli(1 − p) for each feature, or the dropped features themselves for
    `size=null`. The density of z is not known, so there is no rate.
    """

    stochastic = False
    dropout: Tensor

    def __init__(
        self,
        features: int,
        *,
        size: Annotated[int, Gt(0)] | None,
        dropout: DropoutRate,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        self.size = size or features
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("dropout", torch.tensor(dropout), persistent=False)
        self.map = nn.Identity() if size is None else Linear(features, size, initialisation)

    @property
    def linear(self) -> str | None:
        """Name of the linear map, if there is one."""
        return "map" if isinstance(self.map, Linear) else None

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[None, Tensor]:
        """(B, features) → None and z (S, B, K)."""
        kept = (tape.uniform(samples, *features.shape) >= self.dropout).to(features.dtype)
        return None, full_precision(self.map(features * kept / (1 - self.dropout)))
