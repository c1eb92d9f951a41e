"""m(z) and b(z|y)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Independent, Normal

from ib_cli.contracts.passes import Spec
from ib_cli.model.backward_encoders.gaussian import ClassConditionalGaussian
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.marginals.learned_diagonal import LearnedDiagonal
from ib_cli.model.marginals.mixture_of_gaussians import MixtureOfGaussians
from ib_cli.model.marginals.standard_normal import StandardNormal
from ib_cli.model.marginals.vampprior import VampPrior

SPEC = Spec(input_shape=(4,), classes=3, train_size=10, interval=(0.0, 1.0), levels=None)


def no_encoder(x: torch.Tensor) -> Independent:
    raise AssertionError("this marginal is not made of encodings")


def test_standard_normal_and_the_start_of_the_learned_ones() -> None:
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    expected = Normal(0, 1).log_prob(z).sum(-1)
    for marginal in (StandardNormal(2, SPEC), LearnedDiagonal(2, SPEC)):
        assert torch.allclose(marginal(no_encoder).log_prob(z), expected, atol=1e-6)
    assert not list(StandardNormal(2, SPEC).parameters())


def test_mixture_by_hand() -> None:
    torch.manual_seed(1)
    marginal = MixtureOfGaussians(2, SPEC, components=3)
    z = torch.randn(5, 2)
    with torch.no_grad():
        marginal.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
        weights = marginal.logits.softmax(0)
        scales = torch.log1p(marginal.rho.exp())
        parts = [w * Normal(a, s).log_prob(z).sum(-1).exp() for w, a, s in zip(weights, marginal.mean, scales)]
        assert torch.allclose(marginal(no_encoder).log_prob(z), sum(parts).log(), atol=1e-5)


def test_vampprior_is_the_mean_of_encodings_within_the_interval() -> None:
    seen = []

    def encode(u: torch.Tensor) -> Independent:
        seen.append(u)
        return diagonal_gaussian(u[:, :2], torch.full((u.shape[0], 2), 0.5))

    marginal = VampPrior(2, SPEC, pseudo_inputs=6)
    z = torch.randn(3, 2)
    value = marginal(encode).log_prob(z)
    assert seen[0].shape == (6, 4) and seen[0].min() > 0 and seen[0].max() < 1
    parts = torch.stack([Normal(u[:2], 0.5).log_prob(z).sum(-1) for u in seen[0]])
    assert torch.allclose(value, parts.logsumexp(0) - math.log(6), atol=1e-5)
    value.sum().backward()
    assert marginal.u.grad.abs().sum() > 0


def inputs(marginal: VampPrior) -> torch.Tensor:
    """The pseudo-inputs as the encoder sees them."""
    seen = []

    def encode(u: torch.Tensor) -> Independent:
        seen.append(u)
        return diagonal_gaussian(u[:, :2], torch.ones(len(u), 2))

    marginal(encode)
    return seen[0].detach()


def test_a_vampprior_starts_at_training_samples_in_turn() -> None:
    marginal = VampPrior(2, SPEC, pseudo_inputs=5, start="data")
    x = torch.tensor([[0.0, 1.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.25], [0.5, 0.5, 1.0, 1.0]])
    assert marginal.samples_to_start == 5
    marginal.start(x)
    assert torch.equal(inputs(marginal), x[[0, 1, 2, 0, 1]])
    marginal(lambda u: diagonal_gaussian(u[:, :2], 1 + u[:, 2:])).log_prob(torch.full((1, 2), 3.0)).sum().backward()
    assert (marginal.u.grad != 0).all()  # black and white pixels move as well


@pytest.mark.parametrize("interval", [(0.0, 1.0), None])
def test_a_vampprior_starts_about_the_mean_of_the_samples(interval: tuple[float, float] | None) -> None:
    marginal = VampPrior(2, replace(SPEC, interval=interval), pseudo_inputs=400, start="mean")
    x = torch.tensor([[0.0, 0.0, 0.4, 1.0], [0.0, 1.0, 0.6, 1.0]])
    assert marginal.samples_to_start == 1000
    marginal.start(x)
    u, deviation = inputs(marginal), float(x.std(correction=0)) / 3
    torch.testing.assert_close(u[:, 1:3].mean(0), torch.tensor([0.5, 0.5]), atol=5 * deviation / 20, rtol=0)
    torch.testing.assert_close(u[:, 1:3].std(0), torch.full((2,), deviation), atol=0.2 * deviation, rtol=0)
    assert ((u >= 0) & (u <= 1)).all() if interval else (u[:, 0] < 0).any()


def test_a_vampprior_of_earlier_versions_starts_at_noise() -> None:
    torch.manual_seed(3)
    marginal = VampPrior(2, SPEC, pseudo_inputs=6)
    torch.manual_seed(3)
    assert torch.equal(inputs(marginal), torch.randn(6, 4).sigmoid()) and marginal.samples_to_start == 0


def test_backward_encoder_has_a_density_a_class() -> None:
    b = ClassConditionalGaussian(2, SPEC)
    y = torch.tensor([2, 0, 2])
    assert torch.equal(b(y).mean, b.mean[y])
    assert b(y).stddev.detach().unique().item() == pytest.approx(1, abs=1e-6)
