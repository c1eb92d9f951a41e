"""The marginal of a discrete z."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import OneHot, chosen
from ib_cli.model.marginals.marginal import Encode, Marginal


class Categorical(Marginal):
    """m(e_k) = π_k over the unit vectors, learned, starting at 1/K."""

    discrete = True

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(size))

    def forward(self, encode: Encode) -> OneHot:
        """π, event (K,)."""
        return OneHot(self.logits)

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """e_k, with k of probability π_k; the choice has no gradient."""
        return one_hot(chosen(self.logits, tape.uniform(count)), len(self.logits)).to(self.logits.dtype)
