"""Gaussian weights: S against torch's own divergence, and noise on outputs against drawn weights, in float64."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.func import vmap
from torch.nn.functional import softplus

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.model.blocks.layers import Linear
from ib_cli.model.weights.gaussian import GaussianWeights

KEYS = {
    "parts": ["architecture", "bottleneck"],
    "deviation": 0.3,
    "prior": "standard",
    "scale": None,
    "run": None,
    "start_there": True,
    "local": "linear",
    "evaluate": "draw",
}
DRAWS = 20_000


class OfLayers(nn.Module):
    """A model that is nothing but some layers, and hands on what it is told of S."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.architecture, self.bottleneck = nn.Sequential(*layers), None

    def forward(self, x: Tensor, tape: Tape, samples: int, S: Tensor) -> tuple[Tensor, Tensor]:
        return self.architecture(x), S


def made(*layers: nn.Module, **keys: Any) -> tuple[OfLayers, GaussianWeights]:
    torch.manual_seed(0)
    model = OfLayers(*layers).double()
    return model, GaussianWeights(model, **KEYS | keys)


def tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def spread(model: nn.Module) -> None:
    """Other means and deviations for every weight."""
    for p in model.parameters():
        p.data = p + 0.5 * torch.randn_like(p)


@pytest.mark.parametrize(
    "keys, deviations",
    [
        ({}, (1.0, 1.0)),
        ({"prior": "scaled", "scale": 0.7}, (0.7, 0.7)),
        ({"prior": "scaled"}, (4**-0.5, 18**-0.5)),  # 1/√inputs: 4 numbers, 2 channels of 3×3
    ],
)
def test_divergence_is_that_of_torch(keys: dict[str, Any], deviations: tuple[float, float]) -> None:
    model, weights = made(Linear(4, 3), nn.Conv2d(2, 5, 3), **keys)
    spread(model)
    values = tensors(model)
    expected = 0.0
    for layer, deviation in zip(("0", "1"), deviations):
        for name in ("weight", "bias"):
            path = f"architecture.{layer}.{name}"
            q = Normal(values[path], softplus(values[f"{path}_rho"]))
            expected += kl_divergence(q, Normal(torch.zeros_like(q.mean), deviation)).sum()
    assert torch.allclose(weights.divergence(values), expected, rtol=1e-6)  # the prior is stored in float32


def outputs(layer: nn.Module, x: Tensor, local: str) -> Tensor:
    """The layer's outputs of x in independent passes with weights of their own: (DRAWS, …)."""
    model, weights = made(deepcopy(layer), local=local)
    spread(model)
    values = {name: value.detach() for name, value in tensors(model).items()}
    planner = Planner("cpu")
    weights.functional_call(model, values, (x, planner, 1))
    assert weights.shared == (local == "none")
    generator = torch.Generator().manual_seed(1)
    numbers = draw([request._replace(shape=(DRAWS, *request.shape)) for request in planner.requests], generator)
    many = vmap(lambda *noise: weights.functional_call(model, values, (x, Tape(noise), 1))[0])
    return many(*(each.double() for each in numbers))


@pytest.mark.parametrize(
    "layer, shape, local",
    [
        (Linear(5, 3), (2, 5), "linear"),
        (nn.Linear(5, 3, bias=False), (2, 5), "linear"),
        (nn.Conv2d(4, 2, 3, stride=2, padding=1, groups=2), (1, 4, 5, 5), "all"),
        (nn.Conv2d(1, 2, 2, dilation=2, bias=False), (1, 1, 4, 4), "all"),
    ],
    ids=["linear", "linear without bias", "grouped convolution", "dilated convolution"],
)
def test_noise_on_outputs_has_the_moments_of_drawn_weights(
    layer: nn.Module, shape: tuple[int, ...], local: str
) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(2)).double()
    by_output, by_weights = outputs(layer, x, local), outputs(layer, x, "none")
    pooled = (by_output.var(0) + by_weights.var(0)) / 2
    difference = by_output.mean(0) - by_weights.mean(0)
    assert (difference.abs() < 5 * (2 * pooled / DRAWS).sqrt()).all()
    ratio = by_output.var(0) / by_weights.var(0)
    assert ((ratio - 1).abs() < 5 * (2 * 2 / DRAWS) ** 0.5).all()  # a Gaussian's variance has relative error √(2/n)
    assert (pooled > 0.01).all()


def test_inputs_of_zero_have_gradients() -> None:
    model, weights = made(nn.Conv2d(1, 2, 3, bias=False), local="all")
    x = torch.zeros(2, 1, 4, 4).double()
    weights.functional_call(model, tensors(model), (x, Tape([torch.ones(2, 2, 2, 2)]), 1))[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_without_a_pass_a_model_computes_with_the_means() -> None:
    model, weights = made(Linear(4, 3), local="none")
    x = torch.randn(2, 4).double()
    layer = model.architecture[0]
    assert torch.equal(model.architecture(x), x @ layer.weight + layer.bias)
    weights.evaluate = "mean"
    model.eval()
    found, S = weights.functional_call(model, tensors(model), (x, Tape([]), 1))
    assert torch.equal(found, model.architecture(x)) and weights.divergence(tensors(model)) == S


def test_normalisations_stay_points() -> None:
    model, weights = made(Linear(4, 3), nn.BatchNorm1d(3))
    assert [weight.path for weight in weights.weights] == ["architecture.0.weight", "architecture.0.bias"]
    assert not [name for name, _ in model.named_parameters() if name.startswith("architecture.1") and "rho" in name]


def test_the_first_deviation_is_that_of_the_key() -> None:
    model, _ = made(Linear(4, 3), deviation=1e-4)
    assert torch.allclose(softplus(model.architecture[0].weight_rho), torch.tensor(1e-4).double(), rtol=1e-9)


def of_several(posteriors: list[tuple[float, float]]) -> tuple[OfLayers, GaussianWeights]:
    """One linear layer whose prior is the mean of these N(m, t²) of all weights."""
    model, weights = made(Linear(2, 1))
    weights.components = len(posteriors)
    for name in ("weight", "bias"):
        layer = model.architecture[0]
        shape = (len(posteriors), *(1,) * getattr(layer, name).dim())
        ones = torch.ones_like(getattr(layer, name))
        for ending, values in zip(("mean", "deviation"), zip(*posteriors)):
            layer.register_buffer(f"{name}_prior_{ending}", torch.tensor(values).double().view(shape) * ones)
    return model, weights


def test_a_mean_of_posteriors_bounds_the_divergence_from_it() -> None:
    """S ≥ KL(p ‖ Σ_k q_k/K) by draws, and equal to it where the q_k lie apart."""
    for apart, tight in ((0.5, False), (40.0, True)):
        posteriors = [(0.0, 0.5), (apart, 0.3), (-apart, 0.4)]
        model, weights = of_several(posteriors)
        spread(model)
        own = tensors(model)
        paths = [path for _, _, path in weights.weights]
        p = [Normal(own[path], softplus(own[f"{path}_rho"])) for path in paths]
        draws = [q.sample((DRAWS,)) for q in p]
        log_p = sum(q.log_prob(theta).flatten(1).sum(1) for q, theta in zip(p, draws))
        of_each = [sum(Normal(m, t).log_prob(theta).flatten(1).sum(1) for theta in draws) for m, t in posteriors]
        difference = log_p - (torch.stack(of_each).logsumexp(0) - torch.tensor(3.0).log())
        error = 4 * difference.std().item() / DRAWS**0.5
        S = weights.divergence(own).item()
        assert difference.mean().item() - error < S
        if tight:
            assert pytest.approx(difference.mean().item(), abs=error) == S


def test_equal_posteriors_are_one() -> None:
    model, several = of_several([(0.2, 0.7)] * 4)
    spread(model)
    _, one = of_several([(0.2, 0.7)])
    own = tensors(model)
    first = {name: value[:1] if "_prior_" in name else value for name, value in own.items()}
    torch.testing.assert_close(several.divergence(own), one.divergence(first))


def test_the_mean_of_posteriors_is_the_best_prior() -> None:
    """TherML (21): over data sets, the mean S to the mean posterior is at most ln K, and below that to one Gaussian."""
    posteriors = [(m, 0.05) for m in (-1.0, 0.0, 2.0)]
    spread_out = torch.tensor([m for m, _ in posteriors]).double()
    fitted = [(spread_out.mean().item(), (spread_out.var(correction=0) + 0.05**2).sqrt().item())]
    S = {}
    for name, prior in (("mean posterior", posteriors), ("fitted Gaussian", fitted)):
        model, weights = of_several(prior)
        found = []
        for m, s in posteriors:
            own = tensors(model)
            rho = torch.tensor(s).double().expm1().log()
            own = {n: torch.full_like(v, m) if n.endswith(("weight", "bias")) else v for n, v in own.items()}
            own = {n: torch.full_like(v, rho.item()) if n.endswith("_rho") else v for n, v in own.items()}
            found.append(weights.divergence(own).item())
        S[name] = sum(found) / len(found)
    assert 0 < S["mean posterior"] <= torch.tensor(3.0).log() + 1e-9
    assert S["fitted Gaussian"] > 2 * S["mean posterior"]
