"""Samplers against laws that are known: Gaussians, and a double well by quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.sampling.annealed import annealed
from ib_cli.sampling.averages import average, ratio
from ib_cli.sampling.boltzmann import Boltzmann, Point
from ib_cli.sampling.langevin import step_size, unadjusted
from ib_cli.sampling.metropolis import adapted, adjusted
from ib_cli.sampling.temperature import virial
from ib_cli.sampling.tempering import swapped
from tests.families import family
from tests.sampling.quadratic import Quadratic
from tests.sampling.walking import FLAT, double_well, expected, from_function, integral, walked


def one(beta: float) -> Tensor:
    return torch.tensor(beta, dtype=torch.float64)


@pytest.fixture
def quadratic() -> Quadratic:
    """Two directions that have much to do with each other, and a third."""
    matrix = torch.tensor([[2.0, 1.2, 0.0], [1.2, 1.0, 0.0], [0.0, 0.0, 0.5]], dtype=torch.float64)
    return Quadratic(matrix, torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64))


def test_corrected_chains_have_the_moments_of_a_gaussian(quadratic: Quadratic) -> None:
    law = quadratic.equilibrium(beta=3.0, prior=2.0)
    seen, _ = walked(from_function(quadratic), torch.zeros(16, 3).double(), Boltzmann(one(3.0), 2.0), 0.25, 3000, 0)
    seen = seen[200:]
    for i in range(3):
        found = average(seen[..., i])
        assert abs(found.mean - law.mean[i]) < 3 * found.stderr < 0.1
        for j in range(i + 1):
            products = (seen[..., i] - law.mean[i]) * (seen[..., j] - law.mean[j])
            found = average(products)
            assert abs(found.mean - law.covariance[i, j]) < 3 * found.stderr < 0.2


def test_uncorrected_chains_have_the_variance_that_their_step_gives_them() -> None:
    """θ′ = (1 − ε a/2) θ + √ε ξ has the variance 1/(a (1 − ε a/4)), above the 1/a that it has as ε → 0."""
    a, epsilon = 2.0, 0.5
    energy = from_function(lambda theta: a / 2 * theta.square().sum(1))
    stream, point = Generator().manual_seed(1), energy(torch.zeros(64, 1).double())
    sizes, seen = torch.full((64,), epsilon).double(), []
    for _ in range(1500):
        noise = torch.randn(64, 1, generator=stream, dtype=torch.float64)
        point = unadjusted(point, Boltzmann(one(1.0), FLAT), energy, sizes, noise)
        seen.append(point.theta[:, 0].square())
    found = average(torch.stack(seen[100:]))
    assert abs(found.mean - 1 / (a * (1 - epsilon * a / 4))) < 3 * found.stderr < 0.02
    assert found.mean - 1 / a > 10 * found.stderr


def test_steps_shrink_as_told() -> None:
    assert step_size(0, 0.1, 1.0, 0.0) == step_size(1000, 0.1, 1.0, 0.0) == 0.1
    assert step_size(8, 0.1, 1.0, 0.5) == pytest.approx(0.1 / 3)


@pytest.mark.slow
def test_corrected_chains_in_a_double_well() -> None:
    seen, accepted = walked(
        from_function(double_well), torch.linspace(-1, 1, 64).double().unsqueeze(1), Boltzmann(one(2.0), FLAT), 0.2,
        4000, 2, lambda point: torch.cat([point.theta, point.energy.unsqueeze(1)], dim=1),
    )  # fmt: skip
    seen, accepted = seen[300:], accepted[300:]
    for i, of in enumerate((lambda x: x.squeeze(1), double_well)):
        found = average(seen[..., i])
        assert abs(found.mean - expected(of, 2.0)) < 3 * found.stderr < 0.1
    right = average((seen[..., 0] > 0).double())
    assert abs(right.mean - expected(lambda x: (x > 0).double().squeeze(1), 2.0)) < 3 * right.stderr
    assert abs(average(accepted).mean - _acceptance(2.0, 0.2)) < 3 * average(accepted).stderr < 0.01


def _proposed(x: Tensor, y: Tensor, beta: float, epsilon: float) -> tuple[Tensor, Tensor]:
    """π(x) r(x, y), unnormalised, and the probability that this step is accepted, written without the code tested."""

    def slope(u: Tensor) -> Tensor:
        return beta * (4 * u * (u.square() - 1) + 0.05)

    def flow(u: Tensor, v: Tensor) -> Tensor:
        gaussian = (-(v - u + epsilon / 2 * slope(u)).square() / (2 * epsilon)).exp() / math.sqrt(2 * math.pi * epsilon)
        return (-beta * double_well(u.reshape(-1, 1)).reshape(u.shape)).exp() * gaussian

    forth, back = flow(x, y), flow(y, x)
    return forth, (back / forth).nan_to_num(0.0).clamp(max=1)


def _acceptance(beta: float, epsilon: float) -> float:
    """∫∫ π(x) r(x, y) α(x, y) by the trapezoidal rule."""
    grid = torch.linspace(-4, 4, 1601, dtype=torch.float64)
    forth, alpha = _proposed(grid.unsqueeze(1), grid.unsqueeze(0), beta, epsilon)
    Z = torch.trapezoid((-beta * double_well(grid.unsqueeze(1))).exp(), grid)
    return float(torch.trapezoid(torch.trapezoid(forth * alpha, grid), grid) / Z)


def test_every_accepted_step_is_as_likely_as_its_way_back() -> None:
    """π(x) r(x, y) α(x, y) = π(y) r(y, x) α(y, x), with α of the code for given x and y."""
    stream = Generator().manual_seed(3)
    beta, epsilon = 2.0, 0.3
    x, y = (3 * torch.rand(200, 1, generator=stream, dtype=torch.float64) - 1.5 for _ in range(2))
    energy, target = from_function(double_well), Boltzmann(one(beta), FLAT)
    sizes = torch.full((200,), epsilon, dtype=torch.float64)

    def alpha(a: Tensor, b: Tensor) -> Tensor:
        start = energy(a)
        noise = (b - a + epsilon / 2 * target.gradient(start)) / math.sqrt(epsilon)  # that leads from a to b
        return adjusted(start, target, energy, sizes, noise, torch.zeros(200).double())[1]

    forth, back = (_proposed(*pair, beta, epsilon)[0].squeeze(1) for pair in ((x, y), (y, x)))
    assert torch.allclose(forth * alpha(x, y), back * alpha(y, x), rtol=1e-9, atol=1e-300)
    assert alpha(x, y).min() < 0.1 and alpha(x, y).max() == 1


def test_a_place_without_a_finite_energy_is_refused() -> None:
    def wall(theta: Tensor) -> Tensor:
        return theta.square().sum(1) / 2 + torch.where(theta[:, 0] > 0, math.inf, 0.0)

    seen, _ = walked(from_function(wall), -torch.ones(8, 1).double(), Boltzmann(one(1.0), FLAT), 1.0, 500, 4)
    assert (seen <= 0).all() and seen.std() > 0.3


def test_the_step_size_is_learned() -> None:
    energy = from_function(lambda theta: theta.square().sum(1) / 2)
    stream, point, log_scale = Generator().manual_seed(5), energy(torch.zeros(32, 10).double()), torch.zeros(1)
    found = []
    for t in range(600):
        noise = torch.randn(32, 10, generator=stream, dtype=torch.float64)
        uniform = torch.rand(32, generator=stream, dtype=torch.float64)
        size = (1e-3 * log_scale.exp()).double().expand(32)
        point, acceptance = adjusted(point, Boltzmann(one(1.0), FLAT), energy, size, noise, uniform)
        if t < 400:
            log_scale = adapted(log_scale, acceptance.mean(), t)
        found.append(acceptance.mean())
    assert torch.stack(found[400:]).mean() == pytest.approx(0.574, abs=0.03)


@pytest.mark.slow
def test_replicas_cross_a_barrier_that_one_chain_does_not() -> None:
    """At β = 25 one chain stays where it began; with replicas up to β = 1 each well has its exact share."""
    beta = torch.tensor([25.0, 10.0, 4.0, 1.5], dtype=torch.float64)
    M, share = 16, expected(lambda x: (x > 0).double().squeeze(1), 25.0)
    energy, start = from_function(double_well), torch.ones(M, 1).double()
    alone, _ = walked(energy, start, Boltzmann(one(25.0), FLAT), 0.01, 2000, 6)
    assert (alone > 0).all() and 0.05 < share < 0.1
    stream, point, right = Generator().manual_seed(8), energy(start.repeat(4, 1)), []
    rates, hot = [], []
    target, sizes = Boltzmann(beta.repeat_interleave(M), FLAT), (0.25 / beta).repeat_interleave(M)
    for t in range(3000):
        noise = torch.randn(4 * M, 1, generator=stream, dtype=torch.float64)
        uniform = torch.rand(4 * M, generator=stream, dtype=torch.float64)
        point, _ = adjusted(point, target, energy, sizes, noise, uniform)
        uniform = torch.rand((4 - t % 2) // 2, M, generator=stream, dtype=torch.float64)
        point, probability = swapped(point, beta, t % 2, uniform)
        rates.append(probability.mean())
        right.append((point.theta[:M, 0] > 0).double())
        hot.append(point.energy[3 * M :])
    assert 0.2 < torch.stack(rates).mean() < 0.9
    found = average(torch.stack(right[500:]))
    assert abs(found.mean - share) < 3 * found.stderr < 0.05
    found = average(torch.stack(hot[500:]))  # swaps leave the other temperatures' laws as they are
    assert abs(found.mean - expected(double_well, 1.5)) < 3 * found.stderr < 0.05


def test_a_swap_exchanges_whole_places() -> None:
    energy = from_function(lambda theta: theta.square().sum(1))
    point = energy(torch.tensor([[2.0], [0.0], [1.0], [3.0], [1.5], [0.5]]))  # 2 chains at each of 3 temperatures
    never, _ = swapped(point, torch.tensor([3.0, 2.0, 1.0]), 0, torch.ones(1, 2))
    assert torch.equal(never.theta, point.theta)
    done, probability = swapped(point, torch.tensor([3.0, 2.0, 1.0]), 0, torch.full((1, 2), 0.5))
    assert torch.equal(done.theta[:, 0], torch.tensor([1.0, 0.0, 2.0, 3.0, 1.5, 0.5]))
    assert torch.equal(done.energy, done.theta.square().sum(1)) and torch.equal(done.gradient, 2 * done.theta)
    assert torch.allclose(probability, torch.tensor([[1.0, math.exp(-9.0)]]))


@pytest.mark.parametrize(
    "beta, prior, centre", family([(4.0, 1.5, 0.0), (4.0, 1.5, 0.7), (1.0, 3.0, 0.0)], quick=[(4.0, 1.5, 0.7)])
)
def test_the_virial_theorem_tells_the_temperature(
    quadratic: Quadratic, beta: float, prior: float, centre: float
) -> None:
    target = Boltzmann(one(beta), prior)
    law = quadratic.equilibrium(beta, prior)
    start = torch.distributions.MultivariateNormal(law.mean, law.covariance).sample((32,))

    def both(point: Point) -> Tensor:
        return torch.stack(virial(point, target.precision, torch.tensor(centre)), dim=1)

    seen, _ = walked(from_function(quadratic), start, target, 0.6 / beta, 2500, 8, both)
    found = ratio(seen[..., 0], seen[..., 1])
    assert abs(found.mean - 1 / beta) < 3 * found.stderr < 0.15 / beta


def test_annealing_finds_the_partition_function(quadratic: Quadratic) -> None:
    stream = Generator().manual_seed(9)
    found = annealed(from_function(quadratic), (256, 3), 6.0, 1.5, temperatures=200, step=0.1, generator=stream)
    exact = quadratic.log_partition(6.0, 1.5)
    assert abs(found.value - exact) < 3 * found.stderr < 0.15
    assert 100 < found.effective <= 256
    poor = annealed(from_function(quadratic), (256, 3), 6.0, 1.5, temperatures=3, step=0.1, generator=stream)
    assert poor.effective < found.effective / 2


def test_annealing_of_a_double_well() -> None:
    def weight(x: Tensor) -> Tensor:
        return (-5.0 * double_well(x) - x.squeeze(1).square() / 8).exp() / math.sqrt(8 * math.pi)

    stream = Generator().manual_seed(10)
    found = annealed(from_function(double_well), (512, 1), 5.0, 2.0, temperatures=100, step=0.05, generator=stream)
    assert abs(found.value - math.log(integral(weight))) < 3 * found.stderr < 0.15


def test_the_error_of_a_mean_counts_the_memory_of_a_chain() -> None:
    """x_t = r x_{t−1} + √(1 − r²) ξ: the variance of a mean of T records is (1 + r)/(1 − r)/T."""
    r, T, M = 0.9, 4000, 8
    stream = Generator().manual_seed(11)
    noise, rows = torch.randn(T, M, generator=stream, dtype=torch.float64), [torch.zeros(M).double()]
    for step in noise:
        rows.append(r * rows[-1] + math.sqrt(1 - r * r) * step)
    found = average(torch.stack(rows[100:]))
    exact = math.sqrt((1 + r) / (1 - r) / (T - 99) / M)
    assert found.stderr == pytest.approx(exact, rel=0.15) and abs(found.mean) < 3 * exact
    assert found.spread == pytest.approx(1, abs=0.02)


def test_chains_that_disagree_are_seen_to() -> None:
    stream = Generator().manual_seed(12)
    series = torch.randn(200, 4, generator=stream) + torch.tensor([0.0, 0.0, 3.0, 3.0])
    found = average(series)
    assert found.spread > 1.5 and found.stderr > 0.5


def test_weights_of_records() -> None:
    found = average(torch.tensor([[0.0, 0.0], [0.0, 0.0], [4.0, 4.0], [8.0, 8.0]]), torch.tensor([1.0, 1.0, 1.0, 3.0]))
    assert found.mean == pytest.approx(28 / 6)
