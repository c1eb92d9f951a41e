"""Draws of each m(z) follow its density; R against those with a closed form."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import kstest
from torch.distributions import Distribution

from ib_cli.config.catalogue import choices
from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Pass, Spec
from ib_cli.functionals.rate import rate
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.marginals.categorical import Categorical
from ib_cli.model.marginals.fixed_mixture import FixedMixture
from ib_cli.model.marginals.laplace import Laplace
from ib_cli.model.marginals.learned_diagonal import LearnedDiagonal
from ib_cli.model.marginals.marginal import Marginal
from ib_cli.model.marginals.mixture_of_gaussians import MixtureOfGaussians
from ib_cli.model.marginals.standard_normal import StandardNormal
from ib_cli.model.marginals.uniform import Uniform
from ib_cli.model.marginals.vampprior import VampPrior

SPEC = Spec(input_shape=(4,), classes=3, train_size=10, interval=(0.0, 1.0), levels=None)
PRIORS = {
    "standard_normal": lambda: StandardNormal(3, SPEC),
    "learned_diagonal": lambda: LearnedDiagonal(3, SPEC),
    "laplace": lambda: Laplace(3, SPEC, scale=0.7),
    "uniform": lambda: Uniform(3, SPEC, half_width=2.0),
    "mixture_of_gaussians": lambda: MixtureOfGaussians(3, SPEC, components=4),
    "fixed_mixture": lambda: FixedMixture(3, SPEC, components=5, radius=2.0, scale=0.4),
    "vampprior": lambda: VampPrior(3, SPEC, pseudo_inputs=6),
}


def encode(x: torch.Tensor) -> Distribution:
    return diagonal_gaussian(3 * x[:, :3], 0.2 + x[:, 1:])


def drawn(marginal: Marginal, count: int) -> torch.Tensor:
    """From the numbers of a tape."""
    planner = Planner("cpu")
    marginal.draw(count, planner, encode)
    return marginal.draw(count, Tape(draw(planner.requests, torch.Generator().manual_seed(0))), encode)


def test_every_continuous_prior_is_here() -> None:
    assert set(PRIORS) == set(choices("marginal")) - {"categorical"}


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_draws_follow_the_density(name: str) -> None:
    torch.manual_seed(3)
    marginal = PRIORS[name]()
    z, other = drawn(marginal, 20_000), marginal(encode).sample((20_000,))
    assert z.shape == (20_000, 3)
    log_m = marginal(encode).log_prob(z)
    assert log_m.isfinite().all() and marginal.drawable
    reference = marginal(encode).log_prob(other)
    error = math.hypot(float(log_m.std()), float(reference.std())) / math.sqrt(20_000)
    assert abs(float(log_m.mean() - reference.mean())) < 4 * error + 1e-6
    for mine, theirs in zip(z.T, other.T):
        assert kstest(mine.numpy(), theirs.numpy()).pvalue > 1e-4


def test_a_categorical_prior_draws_unit_vectors() -> None:
    marginal = Categorical(3, SPEC)
    with torch.no_grad():
        marginal.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
    z = drawn(marginal, 20_000)
    assert torch.equal(z.sum(1), torch.ones(20_000))
    assert torch.allclose(z.mean(0), marginal.logits.softmax(0), atol=0.015)


def test_what_is_fixed_has_no_parameters() -> None:
    for name in ("standard_normal", "laplace", "uniform", "fixed_mixture"):
        assert not list(PRIORS[name]().parameters())


def test_gradients_reach_learned_priors_through_their_draws() -> None:
    for name in ("learned_diagonal", "mixture_of_gaussians"):
        marginal = PRIORS[name]()
        drawn(marginal, 50).square().sum().backward()
        assert marginal.mean.grad.abs().sum() > 0 and marginal.rho.grad.abs().sum() > 0


def test_the_fixed_mixture_lies_on_a_circle_or_a_line() -> None:
    mean = FixedMixture(4, SPEC, components=8, radius=3.0, scale=0.1).mean
    assert torch.allclose(mean.norm(dim=1), torch.full((8,), 3.0)) and not mean[:, 2:].any()
    gaps = (mean - mean.roll(1, 0)).norm(dim=1)
    assert torch.allclose(gaps, gaps[0].expand(8), atol=1e-5)
    assert FixedMixture(1, SPEC, components=3, radius=3.0, scale=0.1).mean[:, 0].tolist() == [-3, 0, 3]


def test_an_extreme_number_gives_a_finite_laplace() -> None:
    marginal = Laplace(2, SPEC, scale=1.0)
    z = marginal.draw(2, Tape([torch.tensor([[0.0, 0.5], [1 - 2**-24, 0.25]])]), encode)
    assert z.isfinite().all() and z[0, 1] == 0 and z[0, 0] < -10 and z[1, 0] > 10


@pytest.mark.parametrize("name", ["standard_normal", "laplace", "fixed_mixture", "mixture_of_gaussians"])
@torch.no_grad()
def test_the_rate_is_the_divergence_by_many_draws(name: str) -> None:
    """R by closed form, or the mean over draws, against log q − log m at many other draws."""
    torch.manual_seed(5)
    m = PRIORS[name]()(encode)
    q = diagonal_gaussian(torch.randn(4, 3), 0.3 + torch.rand(4, 3))
    z, other = q.sample((40_000,)), q.sample((40_000,))
    found = rate.nats(Pass(x=torch.zeros(4, 4), y=torch.zeros(4, dtype=torch.long), z=z, encoder=q, marginal=m))
    assert torch.allclose(found, (q.log_prob(other) - m.log_prob(other)).mean(0), rtol=0.02, atol=0.06)


def test_a_box_is_no_prior_for_a_rate() -> None:
    assert PRIORS["uniform"]().bounded and not PRIORS["uniform"]().rated and PRIORS["laplace"]().rated


class OnlyDrawn(Marginal):
    """A person's own prior, without a density."""

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.size = size

    def draw(self, count: int, tape: object, encode: object) -> torch.Tensor:
        return tape.normal(count, self.size).abs()


class OnlyDense(Marginal):
    """A person's own prior that cannot be drawn from."""

    def __init__(self, size: int, spec: Spec) -> None:
        super().__init__()
        self.size = size

    def forward(self, encode: object) -> Distribution:
        return diagonal_gaussian(torch.zeros(self.size), torch.ones(self.size))
