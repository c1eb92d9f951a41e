"""The zeroth law for two quadratic systems, whose joint law at a given total energy is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.sampling.averages import average, ratio
from ib_cli.sampling.boltzmann import Point
from ib_cli.sampling.exchange import System, exchanged
from ib_cli.sampling.temperature import virial
from tests.sampling.walking import from_function

M, A, B = 64, 6, 10  # copies, and the dimensions of the systems


def measured(point: Point) -> tuple[Tensor, Tensor]:
    return virial(point, 0.0, torch.zeros(()))


def test_two_systems_come_to_one_temperature() -> None:
    """E = ½ k |θ|² at σ_A = 2 and σ_B = ½; then, with the demon, σ = E/(d/2 + 1) at the total energy E."""
    stream = Generator().manual_seed(0)
    sigma, k, systems = {A: 2.0, B: 0.5}, {A: 1.0, B: 9.0}, []
    for d in (A, B):
        energy = from_function(lambda theta, d=d: k[d] / 2 * theta.square().sum(1))
        start = energy(math.sqrt(sigma[d] / k[d]) * torch.randn(M, d, generator=stream, dtype=torch.float64))
        over, free = measured(start)
        assert float(over.mean() / free.mean()) == pytest.approx(sigma[d], rel=0.2)
        systems.append(System(start, energy, math.inf, 0.8 / math.sqrt(k[d] * d)))
    total = sum(system.point.energy for system in systems)
    demon, seen = torch.zeros(M, dtype=torch.float64), []
    for _ in range(3500):
        systems, demon, _ = exchanged(systems, demon, stream)
        seen.append(torch.stack([*(part for system in systems for part in measured(system.point)), demon]))
    assert torch.allclose(sum(system.point.energy for system in systems) + demon, total, rtol=1e-12)
    kept = torch.stack(seen)[1000:]
    expected = float(total.mean()) / ((A + B) / 2 + 1)
    scale = total.mean() / total  # each copy has its own total energy, to which all is in proportion
    for found in (
        ratio(kept[:, 0] * scale, kept[:, 1]),
        ratio(kept[:, 2] * scale, kept[:, 3]),
        average(kept[:, 4] * scale),
    ):
        assert abs(found.mean - expected) < 3 * found.stderr < 0.1 * expected
    assert 0.5 * 1.2 < expected < 2.0 / 1.2


def test_the_prior_weighs_the_states_of_one_energy() -> None:
    """Two parameters with E = 0 everywhere: nothing is exchanged, and what is left is the prior."""
    stream = Generator().manual_seed(1)
    energy = from_function(lambda theta: 0 * theta.sum(1))
    systems, demon = [System(energy(torch.zeros(M, 2).double()), energy, 0.5, 0.8)], torch.zeros(M).double()
    seen = []
    for _ in range(800):
        systems, demon, _ = exchanged(systems, demon, stream)
        seen.append(systems[0].point.theta[:, 0].square())
    found = average(torch.stack(seen[50:]))
    assert abs(found.mean - 0.25) < 3 * found.stderr < 0.03 and not demon.any()
