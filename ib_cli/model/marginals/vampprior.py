"""A marginal made of the encoder's own densities at learned pseudo-inputs."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import chosen, mixture_of_gaussians
from ib_cli.model.marginals.marginal import Encode, Marginal


class VampPrior(Marginal):
    """m(z) = (1/M) Σ_k q(z|u_k) with M learned pseudo-inputs u_k (Tomczak and Welling 2018, eq. 9).

    If the data have an interval, a sigmoid keeps the pseudo-inputs within it.
    """

    uses_encoder = True

    def __init__(self, size: int, spec: Spec, *, pseudo_inputs: Annotated[int, Gt(0)]) -> None:
        super().__init__()
        self.interval = spec.interval
        self.u = nn.Parameter(torch.randn(pseudo_inputs, *spec.input_shape))

    def forward(self, encode: Encode) -> Distribution:
        """The mixture of the pseudo-inputs' encodings, event (K,)."""
        q = encode(self._inputs())
        return mixture_of_gaussians(q.mean.new_zeros(len(q.mean)), q.mean, q.stddev)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """A draw of q(z|u_k) for a k of equal probability."""
        q = encode(self._inputs())
        k = chosen(q.mean.new_zeros(len(q.mean)), tape.uniform(count))
        return q.mean[k] + q.stddev[k] * tape.normal(count, q.mean.shape[1])

    def _inputs(self) -> Tensor:
        """u, within the data's interval."""
        u: Tensor = self.u
        if self.interval is not None:
            low, high = self.interval
            u = low + (high - low) * torch.sigmoid(u)
        return u
