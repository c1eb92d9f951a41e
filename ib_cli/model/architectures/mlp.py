"""A multi-layer perceptron."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from annotated_types import Gt, Interval
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import Activation, dense


class Mlp(nn.Module):
    """One fully connected layer per entry of `widths`, each with its activation; the last one is the features.

    Images are flattened. Without widths the features are x itself, so a linear map of the features is linear in x.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        batch_norm: bool,
        dropout: Annotated[float, Interval(ge=0, lt=1)],
        monte_carlo: bool,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        sizes = [math.prod(input_shape), *widths]
        self.features = sizes[-1]
        self.layers = dense(sizes, activation, batch_norm, dropout, initialisation, monte_carlo)

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, *input_shape) → features (B, features)."""
        return self.layers(x.flatten(1), tape)
