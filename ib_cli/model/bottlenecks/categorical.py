"""q(z|x) = softmax of a linear map of the features; for a discrete x this can be any discrete encoder."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from ib_cli.model.blocks.densities import OneHot
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.bottlenecks.enumerated import Enumerated


class Categorical(Enumerated):
    """q(z_k|x) ∝ exp(W h(x) + b)_k for features h. If h is a one-hot x itself, every table q(z|x) without zeros."""

    def __init__(
        self, features: int, *, size: Annotated[int, Ge(2)], initialisation: Literal["torch", "xavier"]
    ) -> None:
        super().__init__()
        self.size = size
        self.logits = Linear(features, size, initialisation)

    def density(self, features: Tensor) -> OneHot:
        """(B, features) → q(z|x), batch (B,), event (K,)."""
        return OneHot(full_precision(self.logits(features)))
