"""The decoder and the classifier of TherML's toy model."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts import Spec
from ib_cli.densities import Labels, OneHot
from ib_cli.errors import ConfigError
from ib_cli.quadratic import Quadratic, positions


class QuadraticDecoder(nn.Module):
    """d(x_j|z_i) ∝ exp[−(w_i x_j − b_i)²], x_j a place on a line: two parameters for each value of z (TherML, App. B).

    As the paper indexes them; each value of z has a Gaussian over the values of x, at the start of `width` spacings.
    Raises ConfigError where x is not one-hot.
    """

    discrete = True  # what z must be

    def __init__(self, size: int, spec: Spec, *, width: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        if not spec.one_hot:
            raise ConfigError("decoder=therml_toy gives a discrete x: choose dataset=therml_toy or dataset=table")
        self.register_buffer("positions", positions(spec.input_shape[0]), persistent=False)
        self.map = Quadratic(size, width)

    def forward(self, z: Tensor) -> OneHot:
        """z (S, B, K) → d(x|z): batch (S, B), event (X,). Of shape (K, 1, K), z is all values in their order."""
        table = self.map(self.positions.unsqueeze(1)).mT
        everything = z.shape == (z.shape[-1], 1, z.shape[-1])  # no product with a unit matrix then
        return OneHot(table.unsqueeze(1) if everything else z @ table)


class QuadraticClassifier(nn.Module):
    """c(y_j|z) ∝ exp[−(w_j z − b_j)²], z a place on a line: two parameters a label (TherML, App. B).

    The paper indexes w and b by z here, too, which would be 2 K parameters, where it counts 4. Raises ConfigError
    without labels.
    """

    discrete = True

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError("classifier=therml_toy predicts labels, but the data's y is continuous: use gaussian")
        self.register_buffer("positions", positions(size), persistent=False)
        self.map = Quadratic(spec.classes)

    def forward(self, z: Tensor) -> Labels:
        """z (S, B, K) → c(y|z), batch (S, B), event ()."""
        return Labels(self.map(z @ self.positions.unsqueeze(1)))
