"""The law that all samplers here share, and the positions of their chains.

Letters: M chains side by side, d parameters per chain, T records of a chain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Point(NamedTuple):
    """Positions of M chains, with all that is known of the energy there."""

    theta: Tensor  # (M, d)
    energy: Tensor  # E(θ), (M,)
    gradient: Tensor  # ∇E(θ), (M, d)
    parts: Tensor  # (M, P): whatever else was measured on the way

    def rows(self, index: Tensor) -> Point:
        """The chains at these indices, or where this mask (M,) is true."""
        return Point(*(part[index] for part in self))

    def where(self, mask: Tensor, other: Point) -> Point:
        """These chains where the mask (M,) is true, and the other ones elsewhere."""
        pairs = zip(self, other)
        return Point(*(torch.where(mask.view(-1, *(1,) * (a.dim() - 1)), a, b) for a, b in pairs))


Energy = Callable[[Tensor], Point]  # of θ (M, d)


@dataclass(frozen=True)
class Boltzmann:
    """π(θ) = q(θ) exp(−β E(θ)) / Z with q = N(0, prior²) in each of d directions (TherML eq. 19).

    β is one number for each chain (M,), or one for all, (). With an infinite prior, q = 1 and Z may not exist.
    """

    beta: Tensor
    prior: float

    @property
    def precision(self) -> float:
        """1/prior²."""
        return 0.0 if math.isinf(self.prior) else self.prior**-2

    def potential(self, point: Point) -> Tensor:
        """U = −ln π up to a constant: β E + |θ|²/(2 prior²), (M,)."""
        return self.beta * point.energy + self.precision / 2 * point.theta.square().sum(1)

    def gradient(self, point: Point) -> Tensor:
        """∇U, (M, d)."""
        return self.beta.expand(len(point.theta)).unsqueeze(1) * point.gradient + self.precision * point.theta
