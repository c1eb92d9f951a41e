"""z is a deterministic map of x: q(z|x) is a point mass, which has no density and so no rate."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class Deterministic(Bottleneck):
    """z is a linear map of the features to `size` dimensions, or the features themselves for `size=null`."""

    stochastic = False

    def __init__(
        self, features: int, *, size: Annotated[int, Gt(0)] | None, initialisation: Literal["torch", "xavier"]
    ) -> None:
        super().__init__()
        self.size = size or features
        self.map = nn.Identity() if size is None else Linear(features, size, initialisation)

    @property
    def linear(self) -> str | None:
        """Name of the linear map, if there is one."""
        return "map" if isinstance(self.map, Linear) else None

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[None, Tensor]:
        """(B, features) → None and z (1, B, K): further samples would be the same."""
        return None, full_precision(self.map(features)).unsqueeze(0)
