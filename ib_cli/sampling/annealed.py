"""ln Z by annealed importance sampling (Neal 2001)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ib_cli.sampling.averages import CHAINS, student
from ib_cli.sampling.boltzmann import Boltzmann, Energy
from ib_cli.sampling.metropolis import adjusted

POWER = 4  # inverse temperatures grow as the 4th power of their place: energies change most where β is small


class LogPartition(NamedTuple):
    """ln Z from M annealed chains."""

    value: float
    stderr: float  # NaN where no more than 3 chains carry the weight
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
    """ln Z, Z = ∫ q(θ) exp(−β E(θ)) dθ, by M annealed chains: `log_mean` of their `log_weights`."""
    options: dict[str, Any] = {"temperatures": temperatures, "step": step, "generator": generator, "dtype": dtype}
    return log_mean(log_weights(energy, shape, beta, prior, between=between, **options))


def log_weights(
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
) -> Tensor:
    """ln w (M,) of chains of shape (M, d) that go from draws of q to the law at β.

    Inverse temperatures are β_j = β (j/n)⁴, j = 0 … n, n = `temperatures`. For j = 0 … n − 1 each chain adds
    −(β_{j+1} − β_j) E(θ_j) to its ln w (Neal 2001, eq. 11), then makes a Metropolis-adjusted Langevin step at the new
    temperature, β_{j+1}, which leads to θ_{j+1}: the mean of w is Z without bias, whatever n. `step` is the step size
    at β; as curvatures add up, a step at β_j has 1/ε_j = d^⅓/prior² + (β_j/β)/step. `between` is called with each j.
    """
    M, d = shape
    options: dict[str, Any] = {"generator": generator, "device": generator.device, "dtype": dtype}
    point = energy(prior * torch.randn(M, d, **options))
    log_weight = torch.zeros(M, device=generator.device, dtype=dtype)
    shares = [(j / temperatures) ** POWER for j in range(temperatures + 1)]  # of β
    betas = torch.tensor([beta * share for share in shares], device=generator.device, dtype=dtype)  # one copy for all
    for j in range(temperatures):
        between(j)
        before, after = shares[j : j + 2]
        log_weight -= beta * (after - before) * point.energy
        if j + 1 == temperatures:  # a last step would change no weight
            break
        size = 1 / (d ** (1 / 3) / prior**2 + after / step)
        noise, uniform = torch.randn(M, d, **options), torch.rand(M, **options)
        target = Boltzmann(betas[j + 1], prior)
        point, _ = adjusted(point, target, energy, point.energy.new_full((M,), size), noise, uniform)
    return log_weight


def log_mean(log_weight: Tensor) -> LogPartition:
    """ln of the mean of M ≥ 2 independent weights, given as logarithms (M,), with its standard error.

    Value and error are the jackknife's (Tukey 1958), as the logarithm of a mean of few weights is too small on
    average: M ln w̄ − (M − 1) L̄ and √((M − 1)/M Σ (L_i − L̄)²), L_i = ln of the mean without weight i. As the few
    largest weights decide, the error is enlarged by `student` of the effective number of chains. Where that is 3 or
    less the value is ln w̄, without an error.
    """
    log_weight = log_weight.double()
    M, highest = len(log_weight), log_weight.max()
    w = (log_weight - highest).exp()
    plain, effective = float(highest + w.mean().log()), float(w.sum().square() / w.square().sum())
    if effective <= CHAINS - 1:
        return LogPartition(plain, math.nan, effective)
    without = highest + ((w.sum() - w) / (M - 1)).log()
    value = M * plain - (M - 1) * float(without.mean())
    stderr = (M - 1) / math.sqrt(M) * float(without.std()) * student(effective)
    return LogPartition(value, stderr, effective)
