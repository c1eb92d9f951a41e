"""The second law, in closed form and by simulation."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from ib_cli.sampling.boltzmann import Boltzmann
from ib_cli.sampling.relaxation import Table, divergence
from tests.sampling.quadratic import Gaussian, Quadratic
from tests.sampling.walking import from_function, walked

BETA, PRIOR = 5.0, 1.5


@pytest.fixture
def quadratic() -> Quadratic:
    matrix = torch.tensor([[2.0, 1.2], [1.2, 1.0]], dtype=torch.float64)
    return Quadratic(matrix, torch.tensor([1.0, -0.5], dtype=torch.float64))


def test_the_least_objective_is_the_free_energy(quadratic: Quadratic) -> None:
    end = quadratic.equilibrium(BETA, PRIOR)
    F = -quadratic.log_partition(BETA, PRIOR) / BETA
    assert quadratic.objective(end, BETA, PRIOR) == pytest.approx(F, rel=1e-12)
    for law in (Gaussian(end.mean + 0.1, end.covariance), Gaussian(end.mean, 1.3 * end.covariance)):
        excess = quadratic.objective(law, BETA, PRIOR) - F
        assert BETA * excess == pytest.approx(law.divergence(end), rel=1e-9) and excess > 0


def test_the_objective_falls_all_the_way_to_equilibrium(quadratic: Quadratic) -> None:
    start, end = quadratic.prior(PRIOR), quadratic.equilibrium(BETA, PRIOR)
    laws = [quadratic.relaxed(start, BETA, PRIOR, time) for time in torch.linspace(0, 20, 60).tolist()]
    J = torch.tensor([quadratic.objective(law, BETA, PRIOR) for law in laws], dtype=torch.float64)
    assert J[0] == pytest.approx(quadratic.mean(start), rel=1e-12)  # eq. 40: the prior has no entropy
    assert (J.diff() < 0).all()
    away = torch.tensor([law.divergence(end) for law in laws], dtype=torch.float64)
    assert torch.allclose(away, BETA * (J + quadratic.log_partition(BETA, PRIOR) / BETA), atol=1e-9)
    assert away[-1] < 1e-6 < away[0]


def test_simulated_chains_relax_as_the_closed_form_says(quadratic: Quadratic) -> None:
    start, step, steps = quadratic.prior(PRIOR), 0.01, 60
    stream = Generator().manual_seed(0)
    theta = PRIOR * torch.randn(4000, 2, generator=stream, dtype=torch.float64)
    seen, _ = walked(
        from_function(quadratic), theta, Boltzmann(torch.tensor(BETA).double(), PRIOR), step, steps, 1,
        lambda point: point.energy,
    )  # fmt: skip
    for n in (5, 20, 60):
        energy = seen[n - 1]
        exact = quadratic.mean(quadratic.relaxed(start, BETA, PRIOR, n * step))
        assert abs(energy.mean() - exact) < 3 * energy.std() / 4000**0.5 + 0.01 * exact  # steps of a finite size
    assert seen[0].mean() > 1.5 * seen[-1].mean()


def test_a_chain_on_a_table_obeys_the_second_law_at_every_step() -> None:
    """Two parameters on a grid, with barriers, and laws followed exactly."""
    grid = torch.linspace(-2, 2, 15, dtype=torch.float64)
    a, b = torch.meshgrid(grid, grid, indexing="ij")
    prior = (-(a.square() + b.square()) / 2).flatten().softmax(0)
    table = Table(((a.square() - 1).square() + (b - a).square()).flatten(), prior, beta=3.0)
    near = (torch.cdist(torch.stack([a, b], -1).view(-1, 2), torch.stack([a, b], -1).view(-1, 2)) < 0.3).double()
    proposals = (near - torch.eye(len(prior))) / 4
    transitions = table.transitions((proposals + torch.diag(1 - proposals.sum(1))).log())
    pi, law, J, away = table.equilibrium, prior, [], []
    assert torch.allclose(pi @ transitions, pi, atol=1e-15) and transitions.min() >= 0
    for _ in range(50):
        J.append(table.objective(law))
        away.append(divergence(law, pi))
        assert table.away(law) == pytest.approx(away[-1], abs=1e-12)
        law = law @ transitions
    assert J[0] == pytest.approx(float(prior @ table.energy))
    J, away = (torch.tensor(values, dtype=torch.float64) for values in (J, away))
    assert (J.diff() < 0).all()
    F = -table.log_partition / table.beta
    assert torch.allclose(away, 3.0 * (J - F), atol=1e-9)
    assert table.objective(pi) == pytest.approx(F, rel=1e-12)
