"""The decoder of TherML's toy model."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import OneHot
from ib_cli.model.blocks.quadratic import Quadratic, positions


class QuadraticDecoder(nn.Module):
    """d(x_j|z_i) ∝ exp[−(w_i x_j − b_i)²], x_j a place on a line: two parameters for each value of z (TherML, App. B).

    w and b are indexed as in the paper. Each value of z has a Gaussian over the values of x; its initial width is
    `width` spacings. Raises ConfigError if x is not one-hot.
    """

    discrete = True  # z must be discrete
    positions: Tensor

    def __init__(self, size: int, spec: Spec, *, width: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        if not spec.one_hot:
            raise ConfigError("decoder=therml_toy gives a discrete x: choose dataset=therml_toy or dataset=table")
        self.register_buffer("positions", positions(spec.input_shape[0]), persistent=False)
        self.map = Quadratic(size, width)

    def forward(self, z: Tensor) -> OneHot:
        """z (S, B, K) → d(x|z): batch (S, B), event (X,). A z of shape (K, 1, K) holds all values in order."""
        table = self.map(self.positions.unsqueeze(1)).mT
        everything = z.shape == (z.shape[-1], 1, z.shape[-1])  # z is then a unit matrix: no product needed
        return OneHot(table.unsqueeze(1) if everything else z @ table)
