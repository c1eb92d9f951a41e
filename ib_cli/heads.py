"""What c(y|z) is: a classifier of labels, or a regression of a continuous y."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ib_cli.contracts import Spec
from ib_cli.densities import CorrelatedGaussian, Labels, diagonal_gaussian
from ib_cli.errors import ConfigError
from ib_cli.layers import ACTIVATIONS, Activation, Linear, full_precision
from ib_cli.marginals import UNIT_RHO


class Classifier(nn.Module):
    """c(y|z) = softmax of a linear map of z for `widths=[]`, else of a perceptron with these hidden widths.

    Raises ConfigError where y is continuous.
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
            raise ConfigError("classifier=linear and mlp predict labels, but y is continuous: use classifier=gaussian")
        self.network = _perceptron(size, spec.classes, widths, activation, initialisation)

    def forward(self, z: Tensor) -> Labels:
        """z (S, B, K) → c(y|z), batch (S, B), event ()."""
        return Labels(full_precision(self.network(z)))


class OptimalDecoder(nn.Module):
    """c(y|z) = p(y|z) of a discrete z, by Bayes from q(z|x): no classifier has a lower C (Unpacking §5.4).

    In training p(y|z) is that of the batch, or for `trained=split` that of the train split when the epoch began, which
    has no gradient: C has that of H[Y|Z] all the same (App. A.3). Evaluations put that of the train split as it is in
    `table` first. `pseudo_counts` samples, of all labels alike, are added to each value of z, so that no label becomes
    impossible. Raises ConfigError where y is continuous.
    """

    discrete = True  # made for unit vectors z

    def __init__(
        self, size: int, spec: Spec, *, trained: Literal["batch", "split"], pseudo_counts: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError("classifier=optimal counts labels, but y is continuous: use classifier=gaussian")
        self.of_split, self.share = trained == "split", pseudo_counts / spec.classes
        self.register_buffer("table", torch.zeros(size, spec.classes))  # log p(y|z), up to a constant of each z

    def table_of(self, joint: Tensor) -> Tensor:
        """Counts of labels and values of z, (…, classes, K) → log p(y|z), (…, K, classes), as precise as `table`."""
        counts = joint.mT + self.share
        return (counts / counts.sum(-1, keepdim=True)).log().to(self.table.dtype)

    def forward(self, z: Tensor, joint: Tensor | None = None) -> Labels:
        """Unit vectors z (S, B, K) → c(y|z), batch (S, B), event (), by `joint` where it is given, else by `table`."""
        return Labels(z @ (self.table if joint is None else self.table_of(joint)))


class Regression(nn.Module):
    """c(y|z) = N(μ(z), Σ) of a continuous y (B, d), with μ like a classifier's logits and Σ learned, from I.

    `covariance=full`: Σ = (AᵀA)⁻¹ with A lower triangular; `diagonal`: the d dimensions are independent given z.
    Raises ConfigError where y is a label.
    """

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        covariance: Literal["full", "diagonal"],
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        if spec.classes is not None:
            raise ConfigError("classifier=gaussian predicts a continuous y, but this one is a label: use linear or mlp")
        (d,) = spec.target_shape
        self.network = _perceptron(size, d, widths, activation, initialisation)
        self.rho = nn.Parameter(torch.full((d,), UNIT_RHO))
        self.lower = nn.Parameter(torch.zeros(d, d)) if covariance == "full" and d > 1 else None

    def forward(self, z: Tensor) -> Distribution:
        """z (S, B, K) → c(y|z), batch (S, B), event (d,)."""
        mean, diagonal = full_precision(self.network(z)), softplus(self.rho)
        if self.lower is None:
            return diagonal_gaussian(mean, diagonal)
        return CorrelatedGaussian(mean, self.lower.tril(-1) + diagonal.diag())


def _perceptron(
    size: int, outputs: int, widths: list[int], activation: str, initialisation: Literal["torch", "xavier"]
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, width in zip([size, *widths], widths):
        layers += [Linear(inputs, width, initialisation), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, Linear([size, *widths][-1], outputs, initialisation))
