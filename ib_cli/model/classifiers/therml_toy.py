"""The classifier of TherML's toy model."""

from __future__ import annotations

from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import Labels
from ib_cli.model.blocks.quadratic import Quadratic, positions


class QuadraticClassifier(nn.Module):
    """c(y_j|z) ∝ exp[−(w_j z − b_j)²], z a place on a line: two parameters per label (TherML, App. B).

    Here too the paper indexes w and b by z. That would be 2 K parameters, but the paper counts 4. Raises ConfigError if
    y is continuous.
    """

    discrete = True  # z must be discrete
    positions: Tensor

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError("classifier=therml_toy predicts labels, but the data's y is continuous: use gaussian")
        self.register_buffer("positions", positions(size), persistent=False)
        self.map = Quadratic(spec.classes)

    def forward(self, z: Tensor) -> Labels:
        """z (S, B, K) → c(y|z), batch (S, B), event ()."""
        return Labels(self.map(z @ self.positions.unsqueeze(1)))
