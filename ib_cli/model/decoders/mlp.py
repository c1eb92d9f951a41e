"""A perceptron from z to x."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.layers import Activation, Linear, dense_block
from ib_cli.model.blocks.likelihoods import Kind, Likelihood


class Mlp(nn.Module):
    """Hidden layers of the given widths and a linear layer to the parameters of d(x|z).

    With widths [256] it mirrors the 784–256–16 encoder of Gao and Chaudhari (2020, App. A).

    Raises `ConfigError` if the likelihood does not suit the data.
    """

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        batch_norm: bool,
        likelihood: Kind,
        scale: Annotated[float, Gt(0)],
    ) -> None:
        super().__init__()
        self.likelihood = Likelihood(likelihood, scale, spec)
        sizes = [size, *widths]
        hidden = [layer for pair in pairwise(sizes) for layer in dense_block(*pair, activation, batch_norm)]
        self.layers = nn.Sequential(*hidden, Linear(sizes[-1], self.likelihood.parameters))

    def forward(self, z: Tensor) -> Distribution:
        """z (S, B, K) → d(x|z): batch (S, B), event input_shape."""
        parameters = self.layers(z.flatten(0, 1))
        return self.likelihood(parameters.unflatten(0, z.shape[:2]).unflatten(-1, self.likelihood.shape))
