"""The random numbers of one pass, drawn before it starts, so that the pass itself is a pure function.

A layer that needs randomness asks the tape for it; a layer that measures something on the way reports it there.
The same pass asks for the same numbers in the same order, so a first pass with a `Planner` finds out which,
and `draw` makes them from one generator: one model or many trained together, each sees its own stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor


class Request(NamedTuple):
    """One tensor of random numbers that a pass asks for."""

    kind: str  # "normal": N(0, 1); "uniform": U[0, 1)
    shape: tuple[int, ...]


class Tape:
    """Hands out numbers drawn beforehand, in order, and collects what layers report."""

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        self._numbers = iter(numbers)
        self.draws = 1  # of z that the pass wants of each row, until `spread` makes rows of them
        self.reports: dict[str, Tensor] = {}

    def _next(self, request: Request) -> Tensor:
        numbers = next(self._numbers, None)
        if numbers is None or tuple(numbers.shape) != request.shape:
            found = "none are left" if numbers is None else f"the next have shape {tuple(numbers.shape)}"
            raise RuntimeError(f"this pass asks for {request} but {found}: it differs from the planned one")
        return numbers

    def normal(self, *shape: int) -> Tensor:
        """Independent standard normal numbers."""
        return self._next(Request("normal", shape))

    def uniform(self, *shape: int) -> Tensor:
        """Independent numbers, uniform on [0, 1)."""
        return self._next(Request("uniform", shape))

    def spread(self, h: Tensor) -> Tensor:
        """(B, …) → (S·B, …): all rows for the first draw of z, then for the second, …; asked again, rows as they are.

        A layer whose noise is part of q(z|x) begins with it, so that what comes before is computed once for all draws.
        """
        draws, self.draws = self.draws, 1
        return h if draws == 1 else h.expand(draws, *h.shape).flatten(0, 1)

    def report(self, name: str, nats: Tensor) -> None:
        """Note per-sample nats (B,) under a name; layers that report the same name add up."""
        self.reports[name] = self.reports[name] + nats if name in self.reports else nats


class Planner(Tape):
    """Answers with zeros and notes what was asked for."""

    def __init__(self, device: torch.device | str) -> None:
        super().__init__(())
        self.device = device
        self.requests: list[Request] = []

    def _next(self, request: Request) -> Tensor:
        self.requests.append(request)
        return torch.zeros(request.shape, device=self.device)


def draw(requests: Sequence[Request], generator: Generator) -> tuple[Tensor, ...]:
    """The numbers of one pass, on the generator's device."""
    makers = {"normal": torch.randn, "uniform": torch.rand}
    return tuple(makers[kind](shape, generator=generator, device=generator.device) for kind, shape in requests)
