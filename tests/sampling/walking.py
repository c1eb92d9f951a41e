"""What tests of samplers share: a loop, and exact integrals in one dimension."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ib_cli.sampling.boltzmann import Boltzmann, Energy, Point
from ib_cli.sampling.metropolis import adjusted

FLAT = math.inf  # a prior that has no say


def walked(
    energy: Energy,
    start: Tensor,
    target: Boltzmann,
    step: float,
    steps: int,
    seed: int,
    observe: Callable[[Point], Tensor] = lambda point: point.theta,
) -> tuple[Tensor, Tensor]:
    """What is observed of a chain of corrected steps, (steps, M, …), and the probabilities of acceptance (steps, M)."""
    stream = Generator().manual_seed(seed)
    point, seen, accepted = energy(start), [], []
    sizes = torch.full((len(start),), step, dtype=start.dtype)
    for _ in range(steps):
        noise = torch.randn(start.shape, generator=stream, dtype=start.dtype)
        uniform = torch.rand(len(start), generator=stream, dtype=start.dtype)
        point, probability = adjusted(point, target, energy, sizes, noise, uniform)
        seen.append(observe(point))
        accepted.append(probability)
    return torch.stack(seen), torch.stack(accepted)


def double_well(theta: Tensor) -> Tensor:
    """(θ² − 1)² + θ/20 of one number: wells at about ±1, the left one deeper; (M, 1) → (M,)."""
    return ((theta.square() - 1).square() + theta / 20).squeeze(1)


def integral(values: Callable[[Tensor], Tensor], width: float = 6.0, points: int = 200_001) -> float:
    """∫ of a function of (n, 1) over [−width, width], by the trapezoidal rule."""
    x = torch.linspace(-width, width, points, dtype=torch.float64)
    return float(torch.trapezoid(values(x.unsqueeze(1)), x))


def expected(of: Callable[[Tensor], Tensor], beta: float) -> float:
    """⟨of⟩ under exp(−β double well)."""
    weight = integral(lambda x: (-beta * double_well(x)).exp())
    return integral(lambda x: of(x) * (-beta * double_well(x)).exp()) / weight


def from_function(energy: Callable[[Tensor], Tensor]) -> Energy:
    """The `Energy` of a function θ (M, d) → (M,) that torch can differentiate and that does not mix chains."""

    def at(theta: Tensor) -> Point:
        with torch.enable_grad():
            leaf = theta.detach().requires_grad_()
            values = energy(leaf)
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return Point(theta.detach(), values.detach(), gradient, theta.new_empty(len(theta), 0))

    return at
