"""E‖Z‖² and log-variances: closed forms, classes with few samples, weights, and gradients, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.bottlenecks.zero_entropy_noise import SCALE
from ib_cli.procedures.fit.fit import Fit

K, CLASSES = 3, 4
SYMBOLS = ("log_Var[Z]", "log_Var[Z|Y]", "log_Var_pooled[Z|Y]")


def nats(symbol: str, p: Pass) -> Tensor:
    return functionals()[symbol].nats(p)


def a_pass(mean: Tensor, scale: Tensor, y: Tensor, **parts: object) -> Pass:
    q = diagonal_gaussian(mean, scale.expand_as(mean))
    return Pass(torch.zeros(len(y), 1), y, mean.unsqueeze(0), encoder=q, classes=CLASSES, **parts)


@pytest.fixture
def p() -> Pass:
    torch.manual_seed(0)
    y = torch.tensor([0, 0, 0, 0, 1, 1, 1, 3])  # none of class 2, one of class 3
    return a_pass(torch.randn(8, K).double() * 2 + 5, torch.rand(8, K).double() + 0.1, y)


def entropy(variances: Tensor) -> float:
    return 0.5 * sum(math.log(2 * math.pi * math.e * v) for v in variances.tolist())


def test_the_rate_of_vib_is_half_the_squared_norm_up_to_the_noise(p: Pass) -> None:
    m = diagonal_gaussian(torch.zeros(K).double(), torch.ones(K).double())
    R = nats("R", replace(p, marginal=m))
    expected = 0.5 * nats("L2[Z]", p) + K / 2 * math.log(2 * math.pi) - p.encoder.entropy()  # App. A.7
    torch.testing.assert_close(R, expected, rtol=0, atol=1e-12)
    silent = replace(p, encoder=diagonal_gaussian(p.encoder.mean, torch.full_like(p.encoder.mean, SCALE)), marginal=m)
    constant = nats("R", silent) - 0.5 * nats("L2[Z]", silent)  # the noise has no entropy
    torch.testing.assert_close(constant, torch.full_like(constant, K / 2 * math.log(2 * math.pi)))


def test_the_squared_norm_of_draws_approaches_that_of_the_density(p: Pass) -> None:
    draws = p.encoder.mean + p.encoder.stddev * torch.randn(20_000, 8, K).double()
    torch.testing.assert_close(nats("L2[Z]", replace(p, encoder=None, z=draws)), nats("L2[Z]", p), rtol=0.01, atol=0)


def test_the_log_variance_of_a_gaussian_z_is_its_entropy() -> None:
    s = torch.tensor([0.5, 1.0, 3.0]).double()
    means = s * torch.randn(100_000, K, generator=torch.Generator().manual_seed(1)).double() + 7
    found = nats("log_Var[Z]", a_pass(means, torch.tensor(0.4).double(), torch.zeros(100_000, dtype=torch.long)))
    assert found.item() == pytest.approx(entropy(s**2 + 0.16), abs=0.02)


def test_all_z_have_the_unbiased_variance_of_the_means_and_the_mean_of_the_variances(p: Pass) -> None:
    expected = p.encoder.mean.var(0) + p.encoder.variance.mean(0)
    assert nats("log_Var[Z]", p).item() == pytest.approx(entropy(expected), abs=1e-10)


def test_a_class_is_pooled_with_one_degree_of_freedom_of_all(p: Pass) -> None:
    mean, noise, y = p.encoder.mean, p.encoder.variance, p.y
    squares = {c: ((mean[y == c] - mean[y == c].mean(0)) ** 2).sum(0) for c in (0, 1, 3)}
    pooled = sum(squares.values()) / (3 + 2 + 0)
    variances = {c: (squares[c] + pooled) / int((y == c).sum()) + noise[y == c].mean(0) for c in squares}
    torch.testing.assert_close(variances[3], pooled + noise[7])  # the class seen once
    by_hand = (4 * entropy(variances[0]) + 3 * entropy(variances[1]) + entropy(variances[3])) / 8
    assert nats("log_Var[Z|Y]", p).item() == pytest.approx(by_hand, abs=1e-10)
    assert nats("log_Var_pooled[Z|Y]", p).item() == pytest.approx(entropy(pooled + noise.mean(0)), abs=1e-10)
    assert nats("log_Var_pooled[Z|Y]", p) > nats("log_Var[Z|Y]", p)


def test_large_classes_have_their_own_variances() -> None:
    y = torch.arange(40_000) % 2
    s = torch.tensor([[0.5], [2.0]]).double()
    means = s[y] * torch.randn(40_000, K, generator=torch.Generator().manual_seed(2)).double() + 10 * y.unsqueeze(1)
    found = nats("log_Var[Z|Y]", a_pass(means, torch.tensor(SCALE, dtype=torch.float64), y))
    own = [entropy((s[c] ** 2 + SCALE**2).expand(K)) for c in (0, 1)]
    assert found.item() == pytest.approx(sum(own) / 2, abs=0.03)


def test_where_every_class_is_seen_once_only_the_noise_is_left() -> None:
    p = a_pass(torch.randn(CLASSES, K).double(), torch.tensor(SCALE, dtype=torch.float64), torch.arange(CLASSES))
    for symbol in SYMBOLS[1:]:
        assert nats(symbol, p).item() == pytest.approx(0, abs=1e-12)


def test_draws_without_a_density_have_the_same_unbiased_variance(p: Pass) -> None:
    z = torch.randn(2, 8, K).double() * 3
    found = nats("log_Var[Z]", replace(p, encoder=None, z=z))
    expected = z.mean(0).var(0) + (z[0] - z[1]).square().mean(0) / 4
    assert found.item() == pytest.approx(entropy(expected), abs=1e-10)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_gradients(symbol: str, p: Pass) -> None:
    scale = p.encoder.stddev

    def value(mean: Tensor) -> Tensor:
        return nats(symbol, a_pass(mean, scale, p.y))

    mean = p.encoder.mean.clone().requires_grad_()
    assert torch.autograd.gradcheck(value, mean)
    both = torch.stack([p.encoder.mean, p.encoder.mean * 2 - 1])
    mapped = torch.func.vmap(torch.func.grad(value))(both)
    torch.testing.assert_close(mapped, torch.stack([torch.func.grad(value)(each) for each in both]))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_weight_is_a_number_of_samples(symbol: str, p: Pass) -> None:
    times = torch.tensor([1, 2, 1, 3, 2, 1, 2, 1])
    repeated = a_pass(*(each.repeat_interleave(times, 0) for each in (p.encoder.mean, p.encoder.stddev, p.y)))
    weighted = replace(p, weight=times.double())
    torch.testing.assert_close(nats(symbol, weighted), nats(symbol, repeated))


@pytest.mark.parametrize("name", ["surrogate_logvar", "surrogate_logvar_given_y", "surrogate_logvar_pooled"])
def test_a_split_is_measured_as_a_whole_however_it_is_cut(experiment: Callable, name: str) -> None:
    overrides = (f"objective={name}", "epochs=1", "estimators=none")
    found = [
        Fit(patience=None, watch="J")
        .run(experiment(*overrides, f"eval_batch_size={size}", folder=str(size)), None)
        .measures
        for size in (200, 7)
    ]
    (symbol,) = [symbol for symbol in SYMBOLS if symbol in found[0]["test"]]
    for split in ("train", "test"):
        assert found[1][split][symbol] == pytest.approx(found[0][split][symbol], abs=1e-5)
