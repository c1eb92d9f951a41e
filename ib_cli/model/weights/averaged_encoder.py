"""q(z|x), to which V compares q(z|x,θ): an encoder whose weights are points (TherML App. A)."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class AveragedEncoder(nn.Module):
    """A second architecture and bottleneck, for the average of q(z|x,θ) over the weights θ.

    It starts as a copy of the encoder: with narrow densities far apart, V would dominate the objective.
    """

    def __init__(self, architecture: nn.Module, bottleneck: Bottleneck) -> None:
        """Copies both modules."""
        super().__init__()
        self.architecture, self.bottleneck = deepcopy(architecture), deepcopy(bottleneck)

    def forward(self, x: Tensor, tape: Tape) -> Distribution:
        """x (B, *input_shape) → q(z|x): batch (B,), event (K,)."""
        return self.bottleneck.density(self.architecture(x, tape))
