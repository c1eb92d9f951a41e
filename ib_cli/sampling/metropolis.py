"""Langevin steps that are accepted or refused so that the stationary law is exact."""

from __future__ import annotations

from torch import Tensor

from ib_cli.sampling.boltzmann import Boltzmann, Energy, Point
from ib_cli.sampling.langevin import proposal

TARGET = 0.574  # the acceptance at which chains in many dimensions move fastest (Roberts and Rosenthal 1998)


def adjusted(
    point: Point, target: Boltzmann, energy: Energy, step: Tensor, noise: Tensor, uniform: Tensor
) -> tuple[Point, Tensor]:
    """One step of all chains of the Metropolis-adjusted Langevin algorithm, and the probability of acceptance (M,).

    Accepted where a uniform number (M,) lies below min(1, π(θ′) r(θ′, θ) / (π(θ) r(θ, θ′))) with
    r(θ, θ′) = N(θ′; θ − ε/2 ∇U(θ), ε) (Roberts and Tweedie 1996, §1.4). A move to a place without a finite energy is
    refused.
    """
    moved = energy(proposal(point, target, step, noise))
    back = (point.theta - moved.theta + step.unsqueeze(1) / 2 * target.gradient(moved)).square().sum(1) / step
    ratio = target.potential(point) - target.potential(moved) + (noise.square().sum(1) - back) / 2
    probability = ratio.exp().clamp(max=1).nan_to_num(0.0)
    return moved.where(uniform < probability, point), probability


def adapted(log_scale: Tensor, acceptance: Tensor, t: int, wanted: float = TARGET) -> Tensor:
    """The logarithm of the step size's factor after step t (from 0), given the acceptance of that step.

    ln s ← ln s + (acceptance − wanted)/√(t + 1) (Robbins and Monro 1951). Only for the time before measurements begin:
    a chain that learns from its past has another stationary law.
    """
    return log_scale + (acceptance - wanted) / (t + 1) ** 0.5
