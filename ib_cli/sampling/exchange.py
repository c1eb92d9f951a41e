"""The zeroth law: systems that exchange energy come to one temperature (TherML §3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ib_cli.sampling.boltzmann import Energy, Point


class System(NamedTuple):
    """M copies of one system; each copy exchanges energy with the same-numbered copies of the other systems."""

    point: Point
    energy: Energy
    prior: float  # standard deviation of q(θ) = N(0, prior²); infinite: q = 1
    step: float | Tensor  # standard deviation of a proposed move, a number, or ()


def exchanged(systems: Sequence[System], demon: Tensor, generator: Generator) -> tuple[list[System], Tensor, Tensor]:
    """One move of each system in turn, which keeps the sum of all energies and the demon's (M,).

    The demon (Creutz 1983) holds an energy ≥ 0 of its own. A move θ → θ + step ξ that q would accept is taken if the
    demon can pay E(θ′) − E(θ); if the energy falls, the demon gains the difference. So all states of one total energy
    are visited with the probabilities that q gives them: TherML's eq. 32 with its constraint kept exactly, without
    setting a temperature. As long as the systems are much larger than the demon, its energy is distributed as
    exp(−e/σ), so that its mean is their common temperature. Returns the systems, the demon, and whether each move was
    taken, (systems, M) bool.
    """
    moved, taken = [], []
    for system in systems:
        theta = system.point.theta
        options: dict[str, Any] = {"generator": generator, "dtype": theta.dtype, "device": theta.device}
        tried = system.energy(theta + system.step * torch.randn(theta.shape, **options))
        cost = tried.energy - system.point.energy
        ratio = (theta.square() - tried.theta.square()).sum(1) / (2 * system.prior**2)
        accepted = (torch.rand(len(theta), **options) < ratio.exp()) & (cost <= demon)
        demon = torch.where(accepted, demon - cost, demon)
        moved.append(system._replace(point=tried.where(accepted, system.point)))
        taken.append(accepted)
    return moved, demon, torch.stack(taken)
