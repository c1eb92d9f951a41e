"""A perceptron, or a linear map, from z to labels."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import Labels
from ib_cli.model.blocks.layers import Activation, full_precision, perceptron


class Mlp(nn.Module):
    """c(y|z) = softmax of a linear map of z for `widths=[]`, else of a perceptron with these hidden widths.

    Raises ConfigError if y is continuous.
    """

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError(
                "classifier=linear and mlp predict labels, but y is continuous: use classifier=gaussian, or save "
                "labels as integers: y.argmax(1) of one-hot rows, y.astype(int) of whole numbers"
            )
        self.network = perceptron(size, spec.classes, widths, activation, initialisation)

    def forward(self, z: Tensor) -> Labels:
        """z (S, B, K) → c(y|z), batch (S, B), event ()."""
        return Labels(full_precision(self.network(z)))
