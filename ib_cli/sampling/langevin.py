"""Langevin dynamics: a gradient step with noise."""

from __future__ import annotations

from torch import Tensor

from ib_cli.sampling.boltzmann import Boltzmann, Energy, Point


def step_size(t: int, a: float, b: float, c: float) -> float:
    """ε_t = a (b + t)^−c (Welling and Teh 2011, §5). They take ½ < c ≤ 1; for c = 0 it is the constant a."""
    return a * (b + t) ** -c if c else a


def proposal(point: Point, target: Boltzmann, step: Tensor, noise: Tensor) -> Tensor:
    """θ − ε/2 ∇U(θ) + √ε ξ, (M, d), for steps ε (M,) and standard normal ξ (M, d) (Welling and Teh 2011, eq. 4)."""
    step = step.unsqueeze(1)
    return point.theta - step / 2 * target.gradient(point) + step.sqrt() * noise


def unadjusted(point: Point, target: Boltzmann, energy: Energy, step: Tensor, noise: Tensor) -> Point:
    """One step of all chains, never refused. Its stationary law is π up to O(ε).

    With an energy from a part of the samples it is stochastic gradient Langevin dynamics, which has the same law as
    ε → 0 (Welling and Teh 2011, §4).
    """
    return energy(proposal(point, target, step, noise))
