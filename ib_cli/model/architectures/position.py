"""A discrete x as a point on a line."""

from __future__ import annotations

from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.quadratic import positions


class Position(nn.Module):
    """One-hot x ↦ its place among equally spaced positive numbers (see `positions`). Nothing is learned.

    Raises ConfigError for images.
    """

    features = 1
    one_hot = True  # x must be one-hot
    positions: Tensor

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        if len(input_shape) != 1:
            raise ConfigError("architecture=therml_toy needs a discrete x: choose dataset=therml_toy or dataset=table")
        self.register_buffer("positions", positions(input_shape[0]), persistent=False)

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """One-hot x (B, X) → its position (B, 1)."""
        return x @ self.positions.unsqueeze(1)
