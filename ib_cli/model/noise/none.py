"""No noise within the architecture."""

from __future__ import annotations

from torch import nn

from ib_cli.model.noise.layer import NoiseLayer
from ib_cli.model.noise.noise import Noise, Place


class NoNoise(Noise):
    """No place has noise."""

    def __init__(self) -> None:
        super().__init__("all")

    def layer(self, place: Place) -> NoiseLayer:
        """There is none: `after` leaves every block as it is."""
        raise NotImplementedError("noise=none has no layers")

    def after(self, place: Place, *block: nn.Module) -> list[nn.Module]:
        """The block's modules."""
        return list(block)


NO_NOISE = NoNoise()
