"""Layers that architectures, classifiers and decoders share."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape

Activation = Literal["relu", "softplus", "tanh", "elu", "gelu", "leaky_relu", "identity"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "identity": nn.Identity,
}
DropoutRate = Annotated[float, Interval(ge=0, le=0.999)]  # what stays is divided by 1 − p: nearer 1 numbers overflow


class Linear(nn.Module):
    """x ↦ x W + b, with W stored as (inputs, outputs): many models trained together then need no copy at each step.

    Initialised as `torch.nn.Linear`: W and b uniform on ± 1/√inputs. `xavier` instead draws W uniform on
    ± √(6/(inputs + outputs)), with b = 0 (Glorot and Bengio 2010).
    """

    def __init__(
        self, inputs: int, outputs: int, initialisation: Literal["torch", "xavier"] = "torch", bias: bool = True
    ) -> None:
        """`bias`: false for b = 0, where a normalisation would take it away."""
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        bound = 1 / math.sqrt(inputs) if initialisation == "torch" else math.sqrt(6 / (inputs + outputs))
        nn.init.uniform_(self.weight, -bound, bound)
        if initialisation == "torch" and self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        return x @ self.weight if self.bias is None else x @ self.weight + self.bias

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.outputs}"


class Noisy(nn.Module):
    """A layer whose forward also takes the tape, which `Chain` passes on."""

    monte_carlo = False  # whether its noise is on in evaluations too, so that q(z|x) has no known density


class Dropout(Noisy):
    """Sets each unit (or each channel, `channels=True`) to zero with probability p and scales the rest by 1/(1 − p).

    With `monte_carlo` it stays on in evaluations, with a mask of its own for each draw of z (Gal and Ghahramani 2016).
    """

    p: Tensor

    def __init__(self, p: float, channels: bool = False, monte_carlo: bool = False) -> None:
        super().__init__()
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("p", torch.tensor(p), persistent=False)
        self.on, self.channels = p > 0, channels
        self.monte_carlo = monte_carlo and self.on

    def forward(self, h: Tensor, tape: Tape) -> Tensor:
        """(B, …) → (B, …); if monte_carlo, → (S·B, …) as `Tape.spread`, else h unchanged in evaluations."""
        if not (self.monte_carlo or (self.training and self.on)):
            return h
        if self.monte_carlo:
            h = tape.spread(h)
        shape = h.shape[:2] + (1,) * (h.dim() - 2) if self.channels else h.shape
        kept = (tape.uniform(*shape) >= self.p).to(h.dtype)
        return h * kept / (1 - self.p)

    def extra_repr(self) -> str:
        return f"{self.p.item():g}, channels={self.channels}, monte_carlo={self.monte_carlo}"


def is_monte_carlo(module: nn.Module) -> bool:
    """Whether the noise of any layer of the module is on in evaluations."""
    return any(isinstance(layer, Noisy) and layer.monte_carlo for layer in module.modules())


class Chain(nn.Sequential):
    """`nn.Sequential` that passes the tape to the layers that take it."""

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        for layer in self:
            x = layer(x, tape) if isinstance(layer, Noisy | Chain) else layer(x)
        return x


def dense_block(
    inputs: int,
    outputs: int,
    activation: str,
    batch_norm: bool = False,
    initialisation: Literal["torch", "xavier"] = "torch",
) -> list[nn.Module]:
    """A linear map, batch norm if asked for, and the activation."""
    norm = [nn.BatchNorm1d(outputs)] if batch_norm else []
    return [Linear(inputs, outputs, initialisation), *norm, ACTIVATIONS[activation]()]


def full_precision(parameters: Tensor) -> Tensor:
    """Parameters of a density, raised to float32 if autocast left them in 16 bits."""
    return parameters.float() if parameters.dtype in (torch.bfloat16, torch.float16) else parameters


def perceptron(
    size: int, outputs: int, widths: list[int], activation: str, initialisation: Literal["torch", "xavier"]
) -> nn.Sequential:
    """Linear maps with activations between them: (…, size) → (…, outputs)."""
    layers: list[nn.Module] = []
    for inputs, width in zip([size, *widths], widths):
        layers += [Linear(inputs, width, initialisation), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, Linear([size, *widths][-1], outputs, initialisation))
