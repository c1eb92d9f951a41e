"""Copies of one model, each with its own parameters, on a leading axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


class Copies(Protocol):
    """M copies of a model: a `Stack` (copies in training) or `Samples` (copies with fixed parameters)."""

    @property
    def evaluated_params(self) -> dict[str, Tensor]:
        """The parameters that evaluations use, by name: (M, …)."""

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The buffers by name: (M, …)."""


@dataclass(frozen=True)
class Samples:
    """Copies with given parameters, such as the states of Markov chains."""

    evaluated_params: dict[str, Tensor]
    buffers: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module, params: Mapping[str, Tensor]) -> Samples:
        """Copies with these parameters (M, …), each with the model's buffers."""
        M = len(next(iter(params.values())))
        buffers = {name: value.expand(M, *value.shape).clone() for name, value in model.named_buffers()}
        return cls(dict(params), buffers)
