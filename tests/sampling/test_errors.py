"""Standard errors from few records and few chains: z-scores of repeated measurements, whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.sampling.annealed import annealed, log_mean, log_weights
from ib_cli.sampling.averages import Average, average, ratio
from ib_cli.sampling.boltzmann import Boltzmann, Point
from ib_cli.sampling.temperature import virial
from tests.families import family
from tests.sampling.quadratic import Quadratic
from tests.sampling.test_convergence import autoregressive
from tests.sampling.walking import from_function, walked

REPEATS = 120  # of 30 repetitions the standard deviation would itself be known to 13 % only
QUADRATIC = Quadratic(torch.tensor([[2.0, 1.2], [1.2, 1.0]]).double(), torch.tensor([1.0, -0.5]).double())
BETA, PRIOR = 3.0, 2.0


def spread_of_scores(found: Iterable[tuple[float, float]], truth: float) -> float:
    """The standard deviation of (value − truth)/stderr about 0."""
    scores = torch.tensor([(value - truth) / stderr for value, stderr in found])
    return float(scores.square().mean().sqrt())


def equilibrium_chains(epochs: int, M: int, observe: Callable[[Point], Tensor], seed: int, repeats: int) -> Tensor:
    """Means over epochs of 10 corrected steps from the law itself, (epochs, repeats, M, observed)."""
    law = QUADRATIC.equilibrium(BETA, PRIOR)
    torch.manual_seed(seed)
    start = torch.distributions.MultivariateNormal(law.mean, law.covariance).sample((repeats * M,))
    seen, _ = walked(
        from_function(QUADRATIC), start, Boltzmann(torch.tensor(BETA).double(), PRIOR), 0.3, 10 * epochs, seed, observe
    )
    return seen.view(epochs, 10, repeats, M, -1).mean(1)


@pytest.mark.parametrize("T, M", family([(1, 8), (4, 8), (4, 32), (8, 16)], quick=[(1, 8), (4, 32)]))
def test_errors_of_few_epochs(T: int, M: int) -> None:
    series = equilibrium_chains(T, M, lambda point: point.energy, 1, REPEATS)
    exact = QUADRATIC.mean(QUADRATIC.equilibrium(BETA, PRIOR))
    found = [average(of) for of in series.squeeze(-1).unbind(1)]
    assert 0.8 < spread_of_scores([(each.mean, each.stderr) for each in found], exact) < 1.25


@pytest.mark.parametrize("T, M", family([(4, 32), (8, 16)], quick=[(4, 32)]))
def test_errors_of_a_measured_temperature(T: int, M: int) -> None:
    law = QUADRATIC.equilibrium(BETA, PRIOR)

    def both(point: Point) -> Tensor:
        return torch.stack(virial(point, PRIOR**-2, law.mean), dim=1)

    over, free = equilibrium_chains(T, M, both, 5, REPEATS).unbind(-1)
    found: list[Average] = [ratio(a, b) for a, b in zip(over.unbind(1), free.unbind(1))]
    assert 0.8 < spread_of_scores([(each.mean, each.stderr) for each in found], 1 / BETA) < 1.25


def annealed_scores(M: int, temperatures: int, repeats: int) -> list[tuple[float, float]]:
    weights = log_weights(
        from_function(QUADRATIC), (M * repeats, 2), BETA, PRIOR, temperatures=temperatures, step=0.2,
        generator=Generator().manual_seed(M),
    )  # fmt: skip
    found = [log_mean(each) for each in weights.view(repeats, M)]
    return [(each.value, each.stderr) for each in found if not math.isnan(each.stderr)]


ANNEALINGS = [(8, 100), (16, 30), (64, 10)]


@pytest.mark.parametrize("M, temperatures", ANNEALINGS)
def test_errors_of_few_annealed_chains(M: int, temperatures: int) -> None:
    known = annealed_scores(M, temperatures, REPEATS)
    assert len(known) > 0.8 * REPEATS
    assert 0.8 < spread_of_scores(known, QUADRATIC.log_partition(BETA, PRIOR)) < 1.25


@pytest.mark.slow
@pytest.mark.parametrize("M, temperatures", [*ANNEALINGS, (8, 400), (16, 100), (32, 30)])
def test_errors_of_annealed_chains_often_repeated(M: int, temperatures: int) -> None:
    known = annealed_scores(M, temperatures, 600)
    assert 0.85 < spread_of_scores(known, QUADRATIC.log_partition(BETA, PRIOR)) < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("T", [1, 2, 4, 8, 16, 64, 256])
@pytest.mark.parametrize("M", [4, 8, 32])
def test_errors_of_chains_with_memory(r: float, T: int, M: int) -> None:
    """300 repetitions; 4 chains have Student's t of 3 degrees of freedom, whose sample variance hardly settles."""
    series = autoregressive(r, T, M * 300, seed=T + M).view(T, 300, M)
    found = [average(of) for of in series.unbind(1)]
    low, high = (0.6, 1.6) if M == 4 else (0.8, 1.25)
    assert low < spread_of_scores([(each.mean, each.stderr) for each in found], 0.0) < high


def test_an_error_that_nothing_tells_is_none() -> None:
    assert math.isnan(average(autoregressive(0.5, 8, 3, seed=0)).stderr)
    assert average(autoregressive(0.0, 400, 1, seed=0)).stderr == pytest.approx(0.05, rel=0.3)
    assert math.isnan(average(torch.full((8, 1), 2.0)).stderr)  # one chain that stands still
    assert average(torch.full((8, 4), 2.0)).stderr == 0


def test_weights_of_annealed_chains_have_the_partition_function_for_their_mean() -> None:
    """Neal 2001: without bias however few the temperatures, if a step is made at the new temperature.

    Z̄ over draws of two chains is compared, as ln would have a bias. With steps at the temperature before, w would be
    too small: E[w] of the second step then belongs to the law that the weight has left already.
    """
    stream, exact = Generator().manual_seed(3), QUADRATIC.log_partition(BETA, PRIOR)
    for temperatures in (1, 2, 3):
        made = annealed(
            from_function(QUADRATIC), (60_000, 2), BETA, PRIOR, temperatures=temperatures, step=0.2, generator=stream
        )
        assert abs(made.value - exact) < 3 * made.stderr < 0.05


def test_no_error_where_a_chain_carries_all() -> None:
    found = log_mean(torch.tensor([0.0, -30.0, -40.0, -35.0]))
    assert math.isnan(found.stderr) and found.effective < 1.01 and found.value == pytest.approx(-math.log(4))
    even = log_mean(torch.tensor([0.1, -0.1, 0.0, 0.05, -0.05, 0.02, 0.0, -0.02]))
    assert even.stderr == pytest.approx(0.0241 * math.sqrt(7 / 5), rel=0.15)
