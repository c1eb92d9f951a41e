"""Functionals against values worked out by hand or by numerical integration, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import Labels, diagonal_gaussian, mixture_of_gaussians

S, B, K, CLASSES = 5, 7, 3, 4


def nats(symbol: str, p: Pass) -> Tensor:
    return functionals()[symbol].nats(p)


@pytest.fixture
def draws() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def q(draws: torch.Generator) -> Independent:
    mean = torch.randn(B, K, generator=draws, dtype=torch.float64)
    scale = 0.2 + torch.rand(B, K, generator=draws, dtype=torch.float64)
    return diagonal_gaussian(mean, scale)


def a_pass(**parts: object) -> Pass:
    given = {"x": torch.zeros(B, 2), "y": torch.arange(B) % CLASSES, "z": torch.zeros(S, B, K)} | parts
    return Pass(**given)


def test_rate_of_gaussian_is_the_closed_form_kl(q: Independent) -> None:
    m = diagonal_gaussian(torch.zeros(K, dtype=torch.float64), torch.ones(K, dtype=torch.float64))
    by_hand = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(-1)
    assert torch.allclose(nats("R", a_pass(encoder=q, marginal=m)), by_hand, atol=1e-12)


def test_rate_against_a_learned_diagonal(q: Independent) -> None:
    mean, scale = torch.tensor([0.3, -1, 2.0]).double(), torch.tensor([0.5, 1.5, 1.0]).double()
    by_hand = (scale.log() - q.stddev.log() + (q.variance + (q.mean - mean) ** 2) / (2 * scale**2) - 0.5).sum(-1)
    assert torch.allclose(nats("R", a_pass(encoder=q, marginal=diagonal_gaussian(mean, scale))), by_hand, atol=1e-12)


def test_rate_against_a_mixture_approaches_the_integral() -> None:
    q = diagonal_gaussian(torch.tensor([[0.4]]).double(), torch.tensor([[0.7]]).double())
    m = mixture_of_gaussians(
        torch.tensor([0.3, -0.2]).double(),
        torch.tensor([[-1.0], [1.5]]).double(),
        torch.tensor([[0.5], [0.8]]).double(),
    )
    grid = torch.linspace(-8, 8, 20001).double()
    weights = torch.softmax(torch.tensor([0.3, -0.2]).double(), 0)
    density = sum(w * Normal(a, s).log_prob(grid).exp() for w, a, s in zip(weights, (-1.0, 1.5), (0.5, 0.8)))
    log_q = Normal(0.4, 0.7).log_prob(grid)
    integral = torch.trapezoid(log_q.exp() * (log_q - density.log()), grid)
    draws = torch.randn(200_000, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    sampled = nats("R", Pass(torch.zeros(1, 1), torch.zeros(1), q.mean + q.stddev * draws, encoder=q, marginal=m))
    assert sampled.item() == pytest.approx(integral.item(), abs=0.01)


def test_conditional_rate_uses_the_density_of_each_label(q: Independent) -> None:
    y = torch.arange(B) % CLASSES
    means, scales = torch.randn(CLASSES, K).double(), 0.5 + torch.rand(CLASSES, K).double()
    b = diagonal_gaussian(means[y], scales[y])
    by_hand = [
        sum(
            math.log(scales[y[i], k] / q.stddev[i, k])
            + (q.variance[i, k] + (q.mean[i, k] - means[y[i], k]) ** 2) / (2 * scales[y[i], k] ** 2)
            - 0.5
            for k in range(K)
        )
        for i in range(B)
    ]
    assert torch.allclose(nats("R_Y", a_pass(y=y, encoder=q, backward_encoder=b)), torch.tensor(by_hand).double())


def test_cross_entropies_by_hand(draws: torch.Generator) -> None:
    logits = torch.randn(S, B, CLASSES, generator=draws, dtype=torch.float64)
    p = a_pass(label_density=Labels(logits))
    for i in range(B):
        chances = [math.exp(logits[s, i, p.y[i]]) / sum(math.exp(v) for v in logits[s, i]) for s in range(S)]
        assert nats("C", p)[i].item() == pytest.approx(-sum(map(math.log, chances)) / S, abs=1e-12)
        assert nats("H_model[Y|X]", p)[i].item() == pytest.approx(-math.log(sum(chances) / S), abs=1e-12)


def test_prediction_cross_entropy_is_at_most_c_and_equal_without_noise(draws: torch.Generator) -> None:
    noisy = a_pass(label_density=Labels(torch.randn(S, B, CLASSES, generator=draws, dtype=torch.float64)))
    assert (nats("H_model[Y|X]", noisy) < nats("C", noisy)).all()
    same = a_pass(label_density=Labels(noisy.class_logits[:1].expand(S, -1, -1)))
    assert torch.allclose(nats("H_model[Y|X]", same), nats("C", same), atol=1e-14)


def test_distortion_is_the_mean_over_draws_of_the_summed_negative_log_likelihood(draws: torch.Generator) -> None:
    x = torch.rand(B, 2, 2, generator=draws, dtype=torch.float64)
    means = torch.rand(S, B, 2, 2, generator=draws, dtype=torch.float64)
    d = Independent(Normal(means, torch.tensor(0.5).double()), 2)
    constant = 0.5 * math.log(2 * math.pi * 0.25)
    by_hand = ((x - means) ** 2 / (2 * 0.25) + constant).sum((-1, -2)).mean(0)
    assert torch.allclose(nats("D", a_pass(x=x, decoder=d)), by_hand, atol=1e-12)


def test_every_functional_has_a_meaning_and_reads_fields_of_a_pass() -> None:
    for entry in functionals().values():
        assert entry.meaning
        assert entry.needs <= set(Pass.__dataclass_fields__)
