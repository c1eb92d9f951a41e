"""Noise before the first layer of an encoder: q(z|x) is then drawn from, but its density is not known."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import Noisy

Law = Literal["normal", "uniform"]


class InputNoise(Noisy):
    """x → x with noise of its own for each draw of z, in training and in evaluations."""

    monte_carlo = True

    def __init__(self, law: Law) -> None:
        super().__init__()
        self.law = law

    def shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what the architecture gets, for inputs of a shape."""
        return input_shape

    def _drawn(self, tape: Tape, *shape: int) -> Tensor:
        """ε of mean 0 and variance 1."""
        return tape.normal(*shape) if self.law == "normal" else math.sqrt(12) * (tape.uniform(*shape) - 0.5)


class Added(InputNoise):
    """x + s ε: z = f(x + ε) (Variational Glasses, §3, form ii)."""

    scale: Tensor

    def __init__(self, *, law: Law, scale: Annotated[float, Gt(0)]) -> None:
        super().__init__(law)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """(B, *shape) → (S·B, *shape)."""
        x = tape.spread(x)
        return x + self.scale * self._drawn(tape, *x.shape)


class Appended(InputNoise):
    """[x, ε]: z = f([x, ε]) (Variational Glasses, §3, form iii), with ε as further values of a vector, or channels."""

    def __init__(self, *, law: Law, size: Annotated[int, Gt(0)]) -> None:
        super().__init__(law)
        self.size = size

    def shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """`size` more values, or channels."""
        return (input_shape[0] + self.size, *input_shape[1:])

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """(B, C, …) → (S·B, C + size, …)."""
        x = tape.spread(x)
        return torch.cat([x, self._drawn(tape, len(x), self.size, *x.shape[2:])], dim=1)


class WithInputNoise(nn.Module):
    """An architecture whose inputs have noise."""

    def __init__(self, noise: InputNoise, architecture: nn.Module) -> None:
        super().__init__()
        self.noise, self.architecture = noise, architecture
        self.features: int = architecture.features  # type: ignore[assignment]  # an attribute of every architecture

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """(B, *input_shape) → (S·B, features)."""
        features: Tensor = self.architecture(self.noise(x, tape), tape)
        return features


def no_input_noise() -> None:
    """The inputs have no noise."""
