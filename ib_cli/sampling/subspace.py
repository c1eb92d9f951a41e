"""An energy restricted to the few directions of a subspace, on which laws can be followed exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ib_cli.sampling.boltzmann import Energy, Point


@dataclass(frozen=True)
class Subspace:
    """The energy at θ = a B as a function of the coordinates a, (M, k)."""

    energy: Energy  # of θ (M, d)
    basis: Tensor  # B, (k, d)

    def __call__(self, coordinates: Tensor) -> Point:
        """The point at these coordinates, with the gradient with respect to them, (M, k)."""
        found = self.energy(coordinates @ self.basis)
        return found._replace(theta=coordinates, gradient=found.gradient @ self.basis.mT)


def grid(points: int, width: float) -> Tensor:
    """The places of a square grid over [−width, width]², (points², 2)."""
    ticks = torch.linspace(-width, width, points, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks)
