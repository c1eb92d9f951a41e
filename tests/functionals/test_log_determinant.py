"""½ ln det(2πe Cov[Z]): covariances by hand, and its place between H[Z] and the log-variances (Unpacking App. A.6)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.functionals.log_determinant import log_determinant, log_determinant_given_y
from tests.functionals.test_surrogates import K, a_pass, nats


@pytest.fixture
def p() -> Pass:
    torch.manual_seed(0)
    y = torch.tensor([0, 0, 0, 0, 1, 1, 1, 3])  # none of class 2, one of class 3
    mixed = torch.randn(8, K).double() @ torch.randn(K, K).double()
    return a_pass(mixed + 5, torch.rand(8, K).double() + 0.1, y)


def by_hand(covariance: Tensor) -> float:
    return 0.5 * torch.linalg.slogdet(2 * math.pi * math.e * covariance).logabsdet.item()


def test_all_z_have_the_unbiased_covariance_of_the_means_and_the_mean_variance(p: Pass) -> None:
    expected = p.encoder.mean.T.cov() + p.encoder.variance.mean(0).diag()
    assert nats("log_det[Z]", p).item() == pytest.approx(by_hand(expected), abs=1e-10)


def test_a_class_is_pooled_as_variances_are(p: Pass) -> None:
    mean, y = p.encoder.mean, p.y
    apart = {c: mean[y == c] - mean[y == c].mean(0) for c in (0, 1, 3)}
    pooled = sum(of.T @ of for of in apart.values()) / 5
    counts = {c: int((y == c).sum()) for c in apart}
    noise = {c: p.encoder.variance[y == c].mean(0).diag() for c in apart}
    expected = sum(counts[c] * by_hand((apart[c].T @ apart[c] + pooled) / counts[c] + noise[c]) for c in apart) / 8
    assert nats("log_det[Z|Y]", p).item() == pytest.approx(expected, abs=1e-10)


def test_it_lies_between_the_entropy_and_the_log_variance() -> None:
    """A Gaussian z with correlation 0.9: the determinant is its entropy, the variances miss −½ ln(1 − 0.81)."""
    root = torch.linalg.cholesky(torch.tensor([[1.0, 0.9], [0.9, 1.0]]).double())
    means = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1)).double() @ root.T
    p = a_pass(means, torch.tensor(1e-3).double(), torch.zeros(200_000, dtype=torch.long))
    H = math.log(2 * math.pi * math.e) + 0.5 * math.log(1 - 0.81)
    assert nats("log_det[Z]", p).item() == pytest.approx(H, abs=0.01)
    assert nats("log_Var[Z]", p).item() - nats("log_det[Z]", p).item() == pytest.approx(-0.5 * math.log(0.19), abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_at_most_the_log_variance(seed: int) -> None:
    torch.manual_seed(seed)
    p = a_pass(
        torch.randn(30, K).double() @ torch.randn(K, K).double(), torch.rand(30, K).double(), torch.arange(30) % 3
    )
    assert nats("log_det[Z]", p) <= nats("log_Var[Z]", p)
    assert nats("log_det[Z|Y]", p) <= nats("log_Var[Z|Y]", p) + 1e-12
    diagonal = a_pass(torch.zeros(30, K).double(), p.encoder.stddev, p.y)  # noise alone: nothing is correlated
    torch.testing.assert_close(nats("log_det[Z]", diagonal), nats("log_Var[Z]", diagonal))


def test_it_does_not_depend_on_the_batches(p: Pass) -> None:
    parts = [a_pass(p.encoder.mean[i : i + 4], p.encoder.stddev[i : i + 4], p.y[i : i + 4]) for i in (0, 4)]
    for functional in (log_determinant, log_determinant_given_y):
        together = functional.of_sums(sum(functional.sums(part) for part in parts))
        torch.testing.assert_close(together, functional.nats(p))


def test_weights_count_as_numbers_of_samples(p: Pass) -> None:
    twice = torch.arange(8).repeat_interleave(2)
    doubled = a_pass(p.encoder.mean[twice], p.encoder.stddev[twice], p.y[twice])
    weighed = replace(p, weight=torch.full((8,), 2.0).double())
    for symbol in ("log_det[Z]", "log_det[Z|Y]"):
        torch.testing.assert_close(nats(symbol, weighed), nats(symbol, doubled))


def test_gradients(p: Pass) -> None:
    scale = p.encoder.stddev
    for symbol in ("log_det[Z]", "log_det[Z|Y]"):
        assert torch.autograd.gradcheck(
            lambda mean, symbol=symbol: nats(symbol, a_pass(mean, scale, p.y)), p.encoder.mean.clone().requires_grad_()
        )


def test_draws_without_a_density_have_none(p: Pass) -> None:
    assert not functionals()["log_det[Z]"].measurable(replace(p, encoder=None))


@pytest.mark.parametrize("name", ["surrogate_logdet", "surrogate_logdet_given_y"])
def test_runs_minimise_it(name: str, ib_train: Callable, tmp_path: Path) -> None:
    symbol = "log_det[Z]" if name == "surrogate_logdet" else "log_det[Z|Y]"
    words = ("dataset.train_size=300", "epochs=3", "figures=false", "device=cpu", "estimators=none")
    ended = ib_train(f"objective={name}", "gamma=0.1", *words)
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    found = json.loads(file.read_text())["test"]
    assert found["J"] == pytest.approx(found["C"] + 0.1 * found[symbol])
