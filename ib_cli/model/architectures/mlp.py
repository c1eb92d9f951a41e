"""A multi-layer perceptron."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import Activation, Chain, Dropout, DropoutRate, Linear, dense_block
from ib_cli.model.noise.noise import Noise, Place
from ib_cli.model.noise.none import NO_NOISE


class Mlp(nn.Module):
    """One fully connected layer per entry of `widths`, each with its activation; the last one is the features.

    Images are flattened. Without widths the features are x itself, so a linear map of the features is linear in x.
    Every layer is a place for noise.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        noise: Noise = NO_NOISE,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        batch_norm: bool,
        dropout: DropoutRate,
        monte_carlo: bool,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        sizes = [math.prod(input_shape), *widths]
        self.features = sizes[-1]
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            place = Place(number, len(widths), activation, partial(Linear, inputs, outputs, initialisation))
            layers += noise.after(place, *dense_block(inputs, outputs, activation, batch_norm, initialisation))
            if dropout:
                layers.append(Dropout(dropout, monte_carlo=monte_carlo))
        self.layers = Chain(*layers)

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, *input_shape) → features (B, features)."""
        return self.layers(x.flatten(1), tape)
