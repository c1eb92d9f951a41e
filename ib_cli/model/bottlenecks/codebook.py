"""z is one of a few codewords, or several side by side: vector quantisation."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Codes
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.bottlenecks.bottleneck import Bottleneck
from ib_cli.model.bottlenecks.quantiser import Quantiser


class Codebook(Bottleneck):
    """ẑ = Q(e(x)), e a linear map of the features (or these), Q a `Quantiser` (Variational Glasses, §4.2).

    z has `groups` places, each with a codeword of K/`groups` dimensions. The gradient of the decoder goes to e as if
    z were e (straight through; van den Oord et al. 2017). With `added` z = ẑ + u, u uniform on ± `added_scale` or
    normal with that standard deviation, in evaluations too (eq. 36). Raises ConfigError for a K that `groups` does not
    divide.
    """

    stochastic = False
    quantised = True

    def __init__(
        self,
        features: int,
        *,
        codewords: Annotated[int, Ge(2)],
        size: Annotated[int, Gt(0)] | None,
        standardise: bool,
        groups: Annotated[int, Gt(0)],
        shared: bool,
        learned: Literal["ema", "gradient"],
        decay: Annotated[float, Interval(ge=0, lt=1)],
        revive: Annotated[int, Gt(0)] | None,
        distance_weight: Annotated[float, Gt(0)] | None,
        entropy_model: Literal["usage", "learned"],
        added: Literal["none", "uniform", "normal"],
        added_scale: Annotated[float, Gt(0)],
        initialisation: Literal["torch", "xavier"],
    ) -> None:
        super().__init__()
        self.size, self.groups, self.added, self.added_scale = size or features, groups, added, added_scale
        if self.size % groups:
            raise ConfigError(
                f"bottleneck.groups={groups}: must divide the {self.size} dimensions of z, each group having as many"
            )
        self.map = nn.Identity() if size is None else Linear(features, size, initialisation, bias=not standardise)
        self.norm = nn.BatchNorm1d(self.size, affine=False) if standardise else nn.Identity()
        self.quantiser = Quantiser(
            groups,
            codewords,
            self.size // groups,
            shared=shared,
            learned=learned,
            decay=decay,
            revive=revive,
            distance_weight=distance_weight,
            entropy_model=entropy_model,
        )

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[None, Tensor, Codes]:
        """(B, features) → None, z (S, B, K) and its codes; S = 1 unless noise is added."""
        e = self.norm(full_precision(self.map(features)))
        codes = self.quantiser(e.unflatten(-1, (self.groups, -1)), tape)
        z = (e + (codes.codeword.flatten(1) - e).detach()).unsqueeze(0)
        return None, z if self.added == "none" else z + self._noise((samples, *z.shape[1:]), tape), codes

    def draw(self, count: int, tape: Tape) -> Tensor:
        """Independent draws of z ~ m: codewords of each place by the entropy model, and noise if it is added. (n, K)"""
        shares = self.quantiser.log_m.exp().cumsum(-1)[:, :-1].contiguous()
        index = torch.searchsorted(shares, tape.uniform(self.groups, count))
        c = self.quantiser.codewords.expand(self.groups, -1, -1)
        z = c.gather(1, index.unsqueeze(-1).expand(-1, -1, c.shape[-1])).movedim(0, 1).flatten(1)
        return z if self.added == "none" else z + self._noise((count, self.size), tape)

    def _noise(self, shape: tuple[int, ...], tape: Tape) -> Tensor:
        return self.added_scale * (2 * tape.uniform(*shape) - 1 if self.added == "uniform" else tape.normal(*shape))
