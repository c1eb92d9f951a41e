"""A marginal made of the encoder's own densities at learned pseudo-inputs."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import chosen, mixture_of_gaussians
from ib_cli.model.marginals.marginal import Encode, Marginal

FOR_MEAN = 1000  # training samples that the mean is of
NOISE = 1 / 3  # of the start at the mean, in standard deviations of x


class VampPrior(Marginal):
    """m(z) = (1/M) Σ_k q(z|u_k) with M learned pseudo-inputs u_k (Tomczak and Welling 2018, eq. 9).

    `start=data`: the u_k start at training samples; `mean`: at the mean of 1,000, with noise of a third of their
    standard deviation. If the data have an interval, u is clipped to it, as the authors' is: an optimiser's step moves
    it as far near the edges, where most pixels are, as between them. `noise`: they start at N(0, 1), within an interval
    at its sigmoid, whose slope is at most ¼ and vanishes at the edges.
    """

    uses_encoder = True

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        pseudo_inputs: Annotated[int, Gt(0)],
        start: Literal["mean", "data", "noise"] = "noise",  # stored configs of earlier versions lack it
    ) -> None:
        super().__init__()
        self.interval, self.starts = spec.interval, start
        self.u = nn.Parameter(torch.randn(pseudo_inputs, *spec.input_shape))

    @property
    def samples_to_start(self) -> int:
        """One for each pseudo-input, or those that the mean is of."""
        return {"noise": 0, "mean": FOR_MEAN, "data": len(self.u)}[self.starts]

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Start at the samples x (n, *input_shape), in turn where there are too few, or at their mean."""
        if self.starts == "mean":
            u = x.mean(0) + NOISE * x.std(correction=0) * self.u
        else:
            u = x[torch.arange(len(self.u)) % len(x)]
        self.u.copy_(u if self.interval is None else u.clamp(*self.interval))

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
        if self.interval is None:
            return u
        low, high = self.interval
        if self.starts == "noise":
            return low + (high - low) * torch.sigmoid(u)
        # The derivative is 1 at the edges too, where most pixels are; that of clamp depends on torch's version there.
        return torch.where((u >= low) & (u <= high), u, u.detach().clamp(low, high))
