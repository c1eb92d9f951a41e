"""The random numbers of one pass, drawn before it starts, so that the pass itself is a pure function.

A layer takes its random numbers from the tape, and reports its measurements there. Equal passes ask for the same
numbers in the same order. So a first pass with a `Planner` lists the requests, and `draw` makes the numbers from one
generator: each model sees its own stream, whether it is trained alone or with others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor


class Request(NamedTuple):
    """One tensor of random numbers that a pass asks for."""

    kind: str  # "normal": N(0, 1); "uniform": U[0, 1)
    shape: tuple[int, ...]


@dataclass(frozen=True)
class NoiseOfLayer:
    """The tensors of a noise layer in one pass: (B, *unit shape) each, or (S·B, *unit shape) for S draws of z."""

    activation: Tensor  # z = ε f(x), the layer's output
    clean: Tensor  # f(x)
    alpha: Tensor | None  # standard deviation of ln ε where the noise is on; None: ε has two values
    kl: Tensor | None  # KL(p(z|x) ‖ prior) of each unit in nats; None: the noise has no prior


class Tape:
    """Hands out numbers drawn beforehand, in order, and collects what layers report and keep.

    The first report under a name is the pass's. A part that encodes a second time changes none.
    """

    def __init__(self, numbers: Sequence[Tensor], keep: Collection[str] = ()) -> None:
        """`keep`: names of noise layers whose tensors stay in `kept`, such as `noise_2`."""
        self._numbers = iter(numbers)
        self.draws = 1  # draws of z per sample; 1 after `spread` has expanded rows
        self.spread_by = 1  # rows of a tensor for each sample
        self.reports: dict[str, Tensor] = {}
        self.keep = frozenset(keep)
        self.kept: dict[str, NoiseOfLayer] = {}

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
        (spread,) = self.spread_all(h)
        return spread

    def spread_all(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """`spread` of several tensors that belong to one layer."""
        draws, self.draws = self.draws, 1
        if draws == 1:
            return tensors
        self.spread_by = draws
        return tuple(h.expand(draws, *h.shape).flatten(0, 1) for h in tensors)

    def report(self, name: str, nats: Tensor) -> None:
        """Record nats of each sample (B,) under a name; of each draw, (S·B,), their mean counts."""
        if name not in self.reports:
            self.reports[name] = nats if self.spread_by == 1 else nats.view(self.spread_by, -1).mean(0)

    def keep_tensors(self, name: str, tensors: NoiseOfLayer) -> None:
        """Keep the tensors of a layer that `keep` names."""
        if name in self.keep:
            self.kept.setdefault(name, tensors)


class Planner(Tape):
    """A tape that returns zeros and lists the requests."""

    def __init__(self, device: torch.device | str, keep: Collection[str] = ()) -> None:
        super().__init__((), keep)
        self.device = device
        self.requests: list[Request] = []

    def _next(self, request: Request) -> Tensor:
        self.requests.append(request)
        return torch.zeros(request.shape, device=self.device)


def draw(requests: Sequence[Request], generator: Generator) -> tuple[Tensor, ...]:
    """The numbers of one pass, on the generator's device."""
    makers = {"normal": torch.randn, "uniform": torch.rand}
    return tuple(makers[kind](shape, generator=generator, device=generator.device) for kind, shape in requests)
