"""The random numbers of one pass, drawn before it starts, so that the pass itself is a pure function.

A layer takes its random numbers from the tape, and reports its measurements there. Equal passes ask for the same
numbers in the same order. So a first pass with a `Planner` lists the requests, and `draw` makes the numbers from one
generator: each model sees its own stream, whether it is trained alone or with others.
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
    """Hands out numbers drawn beforehand, in order, and collects the reports of layers."""

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        self._numbers = iter(numbers)
        self.draws = 1  # draws of z per sample; 1 after `spread` has expanded rows
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
        """(B, …) → (S·B, …): all rows for the first draw of z, then all rows for the second, …; later calls return h.

        A layer whose noise is part of q(z|x) begins with this call, so that the layers before it are computed only once
        for all draws.
        """
        draws, self.draws = self.draws, 1
        return h if draws == 1 else h.expand(draws, *h.shape).flatten(0, 1)

    def report(self, name: str, nats: Tensor) -> None:
        """Record per-sample nats (B,) under a name; reports of the same name add up."""
        self.reports[name] = self.reports[name] + nats if name in self.reports else nats


class Planner(Tape):
    """A tape that returns zeros and lists the requests."""

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
