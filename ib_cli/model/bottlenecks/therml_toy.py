"""The encoder of TherML's toy model."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.model.blocks.densities import OneHot
from ib_cli.model.blocks.quadratic import Quadratic
from ib_cli.model.bottlenecks.enumerated import Enumerated


class QuadraticEncoder(Enumerated):
    """q(z_i|x) ∝ exp[−(w_i x − b_i)²], x a position on a line: 2 K parameters (TherML, App. B).

    `width` is the initial width of each value of z (see `Quadratic`): wide ones merge, narrow ones stay apart.
    Raises ConfigError if there is more than one feature.
    """

    def __init__(self, features: int, *, size: Annotated[int, Ge(2)], width: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        if features != 1:
            raise ConfigError(
                f"bottleneck=therml_toy encodes one number, not {features} features: choose architecture=therml_toy"
            )
        self.size = size
        self.map = Quadratic(size, width)

    def density(self, features: Tensor) -> OneHot:
        """(B, 1) → q(z|x), batch (B,), event (K,)."""
        return OneHot(self.map(features))
