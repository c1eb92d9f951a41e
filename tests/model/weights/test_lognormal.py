"""Log-normal noise on weights: its moments, and S up to the constant that makes it 0 at the largest α."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import Linear
from ib_cli.model.weights.lognormal import LognormalWeights
from tests.model.weights.test_gaussian import OfLayers, tensors


def made(alpha: float, largest: float = 2.0, biases: bool = False) -> tuple[OfLayers, LognormalWeights]:
    model = OfLayers(Linear(2, 1)).double()
    keys = {"parts": ["architecture"], "evaluate": "draw", "biases": biases}
    return model, LognormalWeights(model, alpha=alpha, largest=largest, **keys)


@pytest.mark.parametrize("alpha", [1e-3, 0.5])
def test_noise_has_mean_one_and_the_variance_of_its_logarithm(alpha: float) -> None:
    model, weights = made(alpha)
    numbers = torch.randn(100_000, 2, 1, generator=torch.Generator().manual_seed(0)).double()
    model.architecture[0].weight.data = torch.tensor([[1.0], [-3.0]]).double()
    drawn = torch.stack(
        [weights.draw(tensors(model), Tape([each]))["architecture.0.weight"] for each in numbers[:2000]]
    )
    noise = (drawn / model.architecture[0].weight).flatten()
    se = (math.exp(alpha) - 1) ** 0.5 / len(noise) ** 0.5  # Var ε = e^α − 1
    assert abs(noise.mean().item() - 1) < 5 * se
    assert noise.log().var().item() == pytest.approx(alpha, rel=5 * (2 / len(noise)) ** 0.5)
    assert noise.log().mean().item() == pytest.approx(-alpha / 2, abs=5 * (alpha / len(noise)) ** 0.5)


def test_divergence_falls_with_the_entropy_of_the_logarithm() -> None:
    of = {alpha: made(alpha)[1].divergence(tensors(made(alpha)[0])).item() for alpha in (0.01, 0.3, 1.99999999)}
    entropy = {alpha: Normal(0.0, alpha**0.5).entropy().item() for alpha in of}
    assert of[0.01] - of[0.3] == pytest.approx(2 * (entropy[0.3] - entropy[0.01]), rel=1e-6)  # of two weights
    assert of[0.3] == pytest.approx(2 * 0.5 * math.log(2 / 0.3), rel=1e-12)
    assert of[1.99999999] == pytest.approx(0, abs=1e-8)


def test_biases_are_points_unless_asked_for() -> None:
    assert [weight.name for weight in made(0.1)[1].weights] == ["weight"]
    assert [weight.name for weight in made(0.1, biases=True)[1].weights] == ["weight", "bias"]


def test_the_first_noise_is_below_the_largest() -> None:
    with pytest.raises(ConfigError, match=r"weights\.alpha=2: must be less than weights\.largest=2"):
        made(2.0)
