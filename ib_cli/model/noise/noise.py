"""The interface of a kind of noise: where an architecture has it, and the layers that make it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from torch import nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.model.blocks.layers import Chain
from ib_cli.model.noise.layer import NoiseLayer, WithNoise

# What a list may hold is checked by `Noise.places`, which knows how many layers there are.
Layers = Literal["all", "last"] | Annotated[list[Any], MinLen(1)]


@dataclass(frozen=True)
class Place:
    """A place of an architecture that may have noise: the output f(x) of a block."""

    number: int  # 1 for the first from the input
    total: int  # places of this architecture
    activation: str  # the last step of the block
    new_map: Callable[[], nn.Module]  # makes a map from the block's input to a number for each unit of f(x)

    @property
    def name(self) -> str:
        """The name of the layer of noise here."""
        return f"noise_{self.number}"


class Noise(ABC):
    """A kind of noise. An architecture calls `after` for each of its places, from the input up.

    The constructor's keyword-only parameters are the config's keys.
    """

    def __init__(self, layers: Layers) -> None:
        """`layers`: the places with noise, by number; all, or the last alone."""
        self.layers = layers

    @abstractmethod
    def layer(self, place: Place) -> NoiseLayer:
        """The layer of noise for a place. Raises ConfigError where this noise does not suit it."""

    def after(self, place: Place, *block: nn.Module) -> list[nn.Module]:
        """The block's modules, or, where the place has noise, one module that is the block and the noise.

        Raises ConfigError where `layers` names a place that the architecture does not have.
        """
        if place.number not in self.places(place.total):
            return list(block)
        return [WithNoise(Chain(*block), self.layer(place))]

    def places(self, total: int) -> list[int]:
        """The numbers of the places with noise, out of 1 … `total`. Raises ConfigError as `after` does."""
        if self.layers == "last":
            return [total]
        if self.layers == "all":
            return list(range(1, total + 1))
        numbers = [number for number in self.layers if type(number) is int]  # no float, and no bool, which is an int
        chosen = sorted({number for number in numbers if 1 <= number <= total})
        if len(chosen) < len(self.layers):
            first = "layers count from 1, and " if any(number < 1 for number in numbers) else ""
            raise ConfigError(
                f"noise.layers={list(self.layers)}: {first}this architecture has noise after {total} of its layers: "
                f"name some of 1 to {total}, each once"
            )
        return chosen
