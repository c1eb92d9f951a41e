"""Optima of tables against closed forms, an independent minimiser, all partitions, and thermodynamics."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar
from torch import Tensor

from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.measured import measured
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import frontier, solve
from tests.families import family


def random_table(X: int, Y: int, seed: int) -> Table:
    joint = torch.rand(X, Y, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 3
    return Table(joint / joint.sum())


@pytest.fixture(scope="module")
def toy() -> Table:
    return Table(toy_table())


def binary_entropy(p: float) -> float:
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


@pytest.mark.parametrize("gamma", [1.0, 1.5, 2.0, 5.0, 50.0])
def test_symmetric_channel(gamma: float) -> None:
    """Z → X is a symmetric channel too (Wyner and Ziv 1973, Mrs. Gerber's lemma)."""
    error = 0.1
    table = Table([[0.5 * (1 - error), 0.5 * error], [0.5 * error, 0.5 * (1 - error)]])

    def objective(a: float) -> float:
        return math.log(2) - binary_entropy(a) + gamma * binary_entropy(a * (1 - error) + (1 - a) * error)

    best = minimize_scalar(objective, bounds=(0, 0.5), method="bounded", options={"xatol": 1e-12})
    assert pytest.approx(min(best.fun, objective(0.5)), abs=1e-10) == solve(table, 1, 0, gamma).J


@pytest.mark.parametrize("gamma", [0.5, 1.3, 1.5, 4.0])
def test_erasure_keeps_a_fixed_share(gamma: float) -> None:
    """I(Y;Z) = (1 − e) I(X;Z), so that all or nothing is optimal."""
    erased = 0.3
    table = Table([[0.5 * (1 - erased), 0, 0.5 * erased], [0, 0.5 * (1 - erased), 0.5 * erased]])
    found = solve(table, 1, 0, gamma)
    assert pytest.approx(math.log(2) if gamma * (1 - erased) > 1 else 0, abs=1e-8) == found.R
    assert pytest.approx(table.y_entropy - (1 - erased) * found.R, abs=1e-8) == found.C


def test_a_deterministic_label_is_all_that_is_kept() -> None:
    table = Table([[0.1, 0, 0], [0.2, 0, 0], [0, 0.25, 0], [0, 0, 0.4], [0, 0, 0.05]])
    kept, dropped = solve(table, 1, 0, 1.2), solve(table, 1, 0, 0.8)
    assert pytest.approx(table.y_entropy, abs=1e-9) == kept.R
    assert pytest.approx(0, abs=1e-9) == kept.C
    assert kept.states == 3
    assert pytest.approx(0, abs=1e-9) == dropped.R
    assert pytest.approx(table.y_entropy, abs=1e-9) == dropped.C


@pytest.mark.parametrize("rho, delta, rate", [(1, 0.5, 0), (1, 1, 0), (0.5, 1, 1), (0, 1, 1)])
def test_rate_distortion_of_a_bernoulli_source(rho: float, delta: float, rate: float) -> None:
    """R + D = H(X) with logarithmic loss, and the cheaper of the two is all that there is."""
    table = Table([[0.3], [0.7]])
    found = solve(table, rho, delta, 0)
    assert pytest.approx(table.x_entropy, abs=1e-12) == found.R + found.D
    assert pytest.approx(rate * table.x_entropy, abs=1e-12) == found.R
    assert found.gap <= 1e-12


def lowest(table: Table, rho: float, delta: float, gamma: float, states: int, restarts: int) -> float:
    """Least ρR + δD + γC over logits of e(z|x), by L-BFGS from random ones: an independent minimiser."""
    rng = np.random.default_rng(0)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        free = torch.tensor(flat, requires_grad=True)
        log_e = free.view(-1, states).log_softmax(-1)
        joint, of_y = table.x[:, None] * log_e.exp(), log_e.exp().T @ table.joint
        m = joint.sum(0)
        R, D = (joint * (log_e - m.log())).sum(), (joint * (m.log() - joint.log())).sum()
        C = (of_y * (m[:, None].log() - of_y.log())).sum()
        J = rho * R + delta * D + gamma * C
        J.backward()
        return J.item(), free.grad.numpy()

    options = {"maxiter": 4000, "maxfun": 8000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30}
    starts = rng.normal(scale=2, size=(restarts, len(table.x) * states))
    return min(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun for start in starts)


@pytest.mark.parametrize(
    "X, Y, states, rho, delta, gamma",
    family(
        [
            (4, 3, 4, 1, 0, 4),
            (4, 2, 4, 0.9, 0.4, 3),
            (4, 2, 4, 0.1, 0, 1),
            (4, 3, 2, 0.1, 0, 1),
            (5, 3, 2, 0.5, 0.3, 3),
            (4, 2, 3, 0.5, 1, 1),
            (4, 3, 2, 0, 0, 1),
        ],
        every=2,
    ),
)
def test_an_independent_minimiser_finds_the_same(
    X: int, Y: int, states: int, rho: float, delta: float, gamma: float
) -> None:
    table = random_table(X, Y, seed=X * Y)
    found = solve(table, rho, delta, gamma, states=states)
    assert lowest(table, rho, delta, gamma, states, restarts=8) == pytest.approx(found.J, abs=1e-6)


@pytest.mark.parametrize("rho, delta, gamma", [(0, 0, 1), (0.2, 0.2, 1), (0, 1, 0), (0.3, 1, 2)])
def test_few_states_are_the_best_of_all_partitions(rho: float, delta: float, gamma: float) -> None:
    table, states = random_table(7, 3, seed=5), 3
    least = math.inf
    for labels in itertools.product(range(states), repeat=6):
        encoder = torch.nn.functional.one_hot(torch.tensor([0, *labels]), states).double()
        joint = table.x[:, None] * encoder
        of_y = encoder.T @ table.joint

        def entropy(p: Tensor) -> float:
            return float(torch.special.entr(p).sum())

        R, D, C = entropy(joint.sum(0)), entropy(table.x) - entropy(joint.sum(0)), entropy(of_y) - entropy(joint.sum(0))
        least = min(least, rho * R + delta * D + gamma * C)
    found = solve(table, rho, delta, gamma, states=states)
    assert pytest.approx(least, abs=1e-12) == found.J
    assert least >= found.J - found.gap


@pytest.mark.parametrize("gamma", [2.0, 20.0, 458.75684560])  # at the last one iterations alone end above the optimum
def test_no_state_would_lower_the_optimum(toy: Table, gamma: float) -> None:
    """Kuhn and Tucker's condition of the mixture on a grid of states denser than the solver's."""
    found = solve(toy, 1, 0, gamma)
    assert found.gap <= 1e-9 and found.residual <= 1e-9
    first = torch.linspace(1e-6, 1 - 1e-6, 20_001, dtype=torch.float64)
    used = found.marginal > 0

    def likelihood(c: Tensor) -> Tensor:  # (states, X)
        return (gamma * c.log() @ toy.y_given_x.T).exp()

    mix = found.marginal[used] @ likelihood(found.classifier[used])
    assert float((likelihood(torch.stack([first, 1 - first], -1)) / mix @ toy.x).max()) <= 1 + 1e-8


def test_solutions_are_fixed_points_with_decoder(toy: Table) -> None:
    """e(z|x) ∝ m(z) d(x|z)^(δ/ρ) exp((γ/ρ) Σ_y p(y|x) ln c(y|z)): the paper's form, which was not iterated."""
    rho, delta, gamma = 0.9, 0.5, 3.0
    found = solve(toy, rho, delta, gamma)
    used = found.marginal > 0
    log_e = found.marginal[used].log() + delta / rho * found.decoder[used].T.log()
    log_e = log_e + gamma / rho * toy.y_given_x @ found.classifier[used].log().T
    assert torch.allclose(log_e.softmax(-1), found.encoder[:, used], atol=1e-9)


@pytest.mark.parametrize(
    "point", family([(0.5, 0.0, 1.0), (0.9, 0.5, 3.0), (0.05, 0.01, 1.0), (0.5, 1.0, 2.0)], every=2, whole=True)
)
def test_derivatives_of_the_optimum_are_its_functionals(toy: Table, point: tuple[float, float, float]) -> None:
    """The envelope theorem: ∂J*/∂ρ = R, ∂J*/∂δ = D, ∂J*/∂γ = C."""
    found = solve(toy, *point)
    derivatives = {"rho": found.R, "delta": found.D, "gamma": found.C}
    for i, name in enumerate(("rho", "delta", "gamma")):
        h = 1e-4 * max(point[i], 0.1)
        ahead = [value + h * (i == j) for j, value in enumerate(point)]
        behind = [max(value - h * (i == j), 0) for j, value in enumerate(point)]
        if behind[i] == 0:  # at the edge δ = 0: two steps ahead, to second order
            far = [value + 2 * h * (i == j) for j, value in enumerate(point)]
            J, J_ahead, J_far = (each.J for each in frontier(toy, *zip(point, ahead, far)))
            slope = (4 * J_ahead - 3 * J - J_far) / (2 * h)
        else:
            J_ahead, J_behind = (each.J for each in frontier(toy, *zip(ahead, behind)))
            slope = (J_ahead - J_behind) / (2 * h)
        assert slope == pytest.approx(derivatives[name], rel=1e-6, abs=1e-6)


def test_first_law_and_shape_of_the_frontier(toy: Table) -> None:
    """dR/dC = −γ/ρ along it; C falls and R rises in γ; J* is concave; nothing beats the data's own limits."""
    rho, gamma = 0.7, np.geomspace(0.5, 30, 30)
    curve = frontier(toy, rho, 0, gamma)
    R, C, J = (np.array([getattr(point, name) for point in curve]) for name in "RCJ")
    assert (np.diff(R) >= -1e-9).all() and (np.diff(C) <= 1e-9).all()
    slopes = np.diff(J) / np.diff(gamma)
    assert (np.diff(slopes) <= 1e-9).all()
    assert (toy.conditional_entropy - 1e-12 <= C).all() and (toy.y_entropy - C - 1e-12 <= R).all()
    h = 1e-3
    ahead, behind = frontier(toy, rho, 0, gamma * (1 + h)), frontier(toy, rho, 0, gamma * (1 - h))
    moves = [(a.R - b.R, a.C - b.C, g) for a, b, g in zip(ahead, behind, gamma) if b.R > 1e-3]
    assert len(moves) > 15
    for dR, dC, g in moves:
        assert dR / dC == pytest.approx(-g / rho, rel=1e-3)


def test_rates_near_zero_noise_reach_the_sufficient_statistic(toy: Table) -> None:
    """As ρ → 0+ the optimum goes to what ρ = 0 is said to be: least R among those that keep I(X;Y)."""
    limit = solve(toy, 0, 0, 1)
    assert pytest.approx(toy.conditional_entropy, abs=1e-12) == limit.C
    near = solve(toy, 1e-7, 0, 1)
    assert pytest.approx(limit.R, abs=1e-6) == near.R and pytest.approx(limit.C, abs=1e-9) == near.C


def test_values_of_x_that_are_one_for_y_share_a_state() -> None:
    table = Table([[0.1, 0.2], [0.05, 0.1], [0.3, 0.05], [0, 0], [0.15, 0.05]])
    found = solve(table, 0, 0, 1)
    groups = torch.tensor([0.45, 0.35, 0.2], dtype=torch.float64)
    assert pytest.approx(float(torch.special.entr(groups).sum())) == found.R
    assert found.states == 3 and torch.equal(found.encoder[0], found.encoder[1])
    stochastic = solve(table, 0.1, 0, 1)
    assert torch.allclose(stochastic.encoder[0], stochastic.encoder[1])
    assert torch.allclose(stochastic.encoder.sum(1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("rho, delta, gamma", [(1, 0, 3), (1, 1, 2), (0, 0, 1), (0.5, 1, 1), (1, 0, 0), (0, 1, 0)])
@pytest.mark.parametrize("states", [None, 2, 9])
def test_tables_are_distributions_and_the_numbers_are_theirs(
    rho: float, delta: float, gamma: float, states: int | None
) -> None:
    table = random_table(6, 3, seed=1)
    found = solve(table, rho, delta, gamma, states=states)
    assert found.encoder.shape == (6, states or 6)
    for each in (found.encoder, found.decoder, found.classifier, found.marginal):
        assert torch.allclose(each.sum(-1), torch.ones((), dtype=torch.float64)) and (each >= 0).all()
    numbers = measured(found, table)
    for name in ("R", "C", "D"):
        assert getattr(found, name) == pytest.approx(numbers[name], abs=1e-12)
    assert numbers["I[X;Z]"] == pytest.approx(found.R, abs=1e-12)
    assert table.y_entropy - numbers["I[Y;Z]"] == pytest.approx(found.C, abs=1e-12)
    assert rho * found.R + delta * found.D + gamma * found.C == pytest.approx(found.J, abs=1e-12)


def test_other_data_than_the_tables_are_of_cost_more() -> None:
    table, other = random_table(6, 3, seed=1), random_table(6, 3, seed=2)
    found = solve(table, 0.2, 0, 1)
    numbers = measured(found, other)
    assert numbers["R"] > numbers["I[X;Z]"] and numbers["C"] > numbers["H[Y]"] - numbers["I[Y;Z]"]
    unseen = solve(Table([[0.5, 0.2], [0.1, 0.2], [0, 0]]), 0.2, 0, 1)
    assert measured(unseen, Table([[0.3, 0.2], [0.1, 0.1], [0.2, 0.1]]))["D"] == math.inf


def test_what_cannot_be_minimised_is_refused(toy: Table) -> None:
    for point, wrong in (((0, 0, 0), "nothing to minimise"), ((-1, 0, 1), "negative"), ((1, math.inf, 1), "finite")):
        with pytest.raises(ValueError, match=wrong):
            solve(toy, *point)
    with pytest.raises(ValueError, match="states"):
        solve(toy, 1, 0, 1, states=0)


@pytest.mark.parametrize("epsilon, gamma", [(1e-3, 1e7), (1e-4, 1e9), (1e-5, 1e11), (1e-5, 1e3), (1e-5, 1e9)])
def test_nearly_independent_tables_at_huge_gamma(epsilon: float, gamma: float) -> None:
    """Terms as large as γ must not keep an encoder's probabilities from summing to 1: J was 142 too high."""
    joint = 0.25 * torch.tensor([[1 + epsilon, 1 - epsilon], [1 - epsilon, 1 + epsilon]], dtype=torch.float64)
    table = Table(joint)
    solution = solve(table, 1, 0, gamma)
    assert solution.certified
    kept = table.x_entropy + gamma * table.conditional_entropy  # z is x
    single = gamma * table.y_entropy
    assert min(kept, single) + 1e-15 * gamma >= solution.J
    assert float((solution.encoder.sum(1) - 1).abs().max()) < 1e-14
