"""A discrete z whose values are all enumerated instead of drawn: expectations over z are exact."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.densities import OneHot
from ib_cli.model.bottlenecks.bottleneck import Bottleneck


class Enumerated(Bottleneck):
    """z is one of the K unit vectors; a subclass gives their probabilities."""

    stochastic = True
    discrete = True

    @abstractmethod
    def density(self, features: Tensor) -> OneHot:
        """(B, features) → q(z|x), batch (B,), event (K,)."""

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[OneHot, Tensor, Tensor]:
        """q(z|x), all K values of z in order (K, 1, K), and their probabilities (K, B); `samples` is not used."""
        q = self.density(features)
        return q, q.enumerate_support(), q.mean.mT
