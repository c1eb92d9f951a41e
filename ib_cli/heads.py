"""The classifier c(y|z)."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.layers import ACTIVATIONS, Activation, Linear, full_precision


class Classifier(nn.Module):
    """Logits of c(y|z): linear for `widths=[]`, else a perceptron with these hidden widths."""

    def __init__(
        self,
        size: int,
        classes: int,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip([size, *widths], widths):
            layers += [Linear(inputs, outputs, initialisation), ACTIVATIONS[activation]()]
        layers.append(Linear([size, *widths][-1], classes, initialisation))
        self.network = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """z (S, B, K) → logits (S, B, classes)."""
        return full_precision(self.network(z))
