"""ln Z by annealed importance sampling (Neal 2001)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ib_cli.sampling.boltzmann import Boltzmann, Energy
from ib_cli.sampling.metropolis import adjusted

POWER = 4  # inverse temperatures grow as the 4th power of their place: energies change most where β is small


class LogPartition(NamedTuple):
    """ln Z from M annealed chains."""

    value: float
    stderr: float  # NaN where fewer than 2 chains carry the weight; too small where few do
    effective: float  # (Σ w)²/Σ w², at most M: how many chains carry the weight


def annealed(
    energy: Energy,
    shape: tuple[int, int],
    beta: float,
    prior: float,
    *,
    temperatures: int,
    step: float,
    generator: Generator,
    dtype: torch.dtype = torch.float64,
    between: Callable[[int], object] = lambda j: None,
) -> LogPartition:
    """ln ∫ q(θ) exp(−β E(θ)) dθ, by chains of shape (M, d) that go from draws of q to the law at β.

    Each chain adds −(β_{j+1} − β_j) E(θ_j) to its ln w at every temperature (Neal 2001, eq. 11),
    β_j = β (j/`temperatures`)⁴, then makes a Metropolis-adjusted Langevin step there. The mean of w is Z without bias.
    `step` is the step size at β; as curvatures add up, 1/ε_j = d^⅓/prior² + (β_j/β)/step. `between` is called with j
    before each step.
    """
    M, d = shape
    options: dict[str, Any] = {"generator": generator, "device": generator.device, "dtype": dtype}
    point = energy(prior * torch.randn(M, d, **options))
    log_weight = torch.zeros(M, device=generator.device, dtype=dtype)
    for j in range(temperatures):
        between(j)
        before, after = ((i / temperatures) ** POWER for i in (j, j + 1))
        log_weight -= beta * (after - before) * point.energy
        size = 1 / (d ** (1 / 3) / prior**2 + after / step)
        noise, uniform = torch.randn(M, d, **options), torch.rand(M, **options)
        target = Boltzmann(torch.tensor(beta * after, device=generator.device, dtype=dtype), prior)
        point, _ = adjusted(point, target, energy, point.energy.new_full((M,), size), noise, uniform)
    return log_mean(log_weight)


def log_mean(log_weight: Tensor) -> LogPartition:
    """ln of the mean of M ≥ 2 independent weights, given as logarithms (M,), with its standard error to first order."""
    log_weight = log_weight.double()
    highest = log_weight.max()
    w = (log_weight - highest).exp()
    mean, effective = float(w.mean()), float(w.sum().square() / w.square().sum())
    stderr = float(w.std()) / math.sqrt(len(w)) / mean if effective >= 2 else math.nan
    return LogPartition(float(highest) + math.log(mean), stderr, effective)
