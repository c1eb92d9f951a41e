"""q(z|x), which V holds q(z|x,θ) against: an encoder whose weights are points (TherML App. A)."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class AveragedEncoder(nn.Module):
    """An architecture and a bottleneck of its own, to be what q(z|x,θ) is on average over the weights θ.

    It starts as the encoder does: V of narrow densities that lie apart would drown all else.
    """

    def __init__(self, architecture: nn.Module, bottleneck: Bottleneck) -> None:
        """Copies what it is given."""
        super().__init__()
        self.architecture, self.bottleneck = deepcopy(architecture), deepcopy(bottleneck)

    def forward(self, x: Tensor, tape: Tape) -> Distribution:
        """x (B, *input_shape) → q(z|x): batch (B,), event (K,)."""
        return self.bottleneck.density(self.architecture(x, tape))
