"""Binary noise: dropout that stays on in evaluations."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from ib_cli.contracts.noise import NoiseOfLayer, Tape
from ib_cli.model.noise.layer import NoiseLayer
from ib_cli.model.noise.noise import Layers, Noise, Place

LEAST_KEPT = 1e-3  # what is kept is divided by it; near 0 numbers overflow


class Binary(Noise):
    """Binary dropout, the baseline of Information Dropout (Achille and Soatto 2018, Fig. 3)."""

    def __init__(self, *, layers: Layers, keep: Annotated[float, Interval(ge=LEAST_KEPT, le=1)]) -> None:
        super().__init__(layers)
        self.keep = keep

    def layer(self, place: Place) -> BinaryNoise:
        """Suits every place."""
        return BinaryNoise(place.name, self.keep)


class BinaryNoise(NoiseLayer):
    """ε = 1/keep with probability `keep`, else 0: E ε = 1."""

    keep: Tensor

    def __init__(self, name: str, keep: float) -> None:
        super().__init__(name)
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("keep", torch.tensor(keep), persistent=False)

    def forward(self, clean: Tensor, x: Tensor, tape: Tape) -> Tensor:
        """f(x) (B, *units) → z (S·B, *units)."""
        clean = tape.spread(clean)
        kept = (tape.uniform(*clean.shape) < self.keep).to(clean.dtype)
        z = clean * (1 + self.on * (kept / self.keep - 1)).to(clean.dtype)
        tape.keep_tensors(self.name, NoiseOfLayer(z, clean, None, None))
        return z
