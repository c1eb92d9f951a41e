"""Entropies of a discrete z against the estimator's sums, A.3's gradient, and the corners, in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.estimators.categorical import categorical_information
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import Labels, OneHot

B, K, CLASSES = 30, 6, 4
SYMBOLS = ("H[Y|Z]", "H[Z]", "H[Z|X]", "H[Z|Y]", "I[X;Z]", "I[X;Z|Y]")


def a_pass(logits: Tensor, y: Tensor, **parts: object) -> Pass:
    q = OneHot(logits)
    decoder = Labels(torch.arange(K * CLASSES).double().sin().view(K, 1, CLASSES))
    values = q.enumerate_support()
    made = Pass(torch.zeros(len(logits), 1), y, values, encoder=q, z_weight=q.mean.mT, classes=CLASSES)
    return replace(made, label_density=decoder, **parts)


def value(symbol: str, p: Pass) -> Tensor:
    return p.mean(functionals()[symbol].nats(p))


@pytest.fixture
def logits() -> Tensor:
    return 2 * torch.randn(B, K, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def y() -> Tensor:
    return torch.arange(B) % (CLASSES - 1)  # none of the last class


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_equals_the_estimator(symbol: str, logits: Tensor, y: Tensor) -> None:
    expected = categorical_information(logits.softmax(1), y)[symbol].value
    assert value(symbol, a_pass(logits, y)).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_weighted_and_shared_samples(symbol: str, logits: Tensor, y: Tensor) -> None:
    weight = torch.rand(B, generator=torch.Generator().manual_seed(2)).double()
    weight = weight / weight.mean()  # as over a whole split
    expected = categorical_information(logits.softmax(1), y, weight)[symbol].value
    assert value(symbol, a_pass(logits, y, weight=weight)).item() == pytest.approx(expected, abs=1e-12)
    shared = logits[: B // 3]  # each x stands for three samples with labels of their own
    found = value(symbol, a_pass(shared, y, weight=weight))
    assert found.item() == pytest.approx(
        value(symbol, a_pass(shared.repeat_interleave(3, 0), y, weight=weight)).item(), abs=1e-12
    )


def test_the_gradient_of_the_decoder_uncertainty_is_that_of_the_paper(logits: Tensor, y: Tensor) -> None:
    logits.requires_grad_()
    (found,) = torch.autograd.grad(value("H[Y|Z]", a_pass(logits, y)), logits)
    q = logits.softmax(1)
    joint = torch.stack([q[y == c].sum(0) for c in range(CLASSES - 1)]) / B
    surprise = -(joint / joint.sum(0)).log().detach()  # −ln p(y|z), (classes, K)
    weights = (q.detach() * surprise[y]) / B  # E_{p(x,z)} … of a sample's own label
    (expected,) = torch.autograd.grad((weights * q.log()).sum(), logits)  # App. A.3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_gradients(symbol: str, logits: Tensor, y: Tensor) -> None:
    def of(given: Tensor) -> Tensor:
        return value(symbol, a_pass(given, y))

    assert torch.autograd.gradcheck(of, logits.clone().requires_grad_())
    both = torch.stack([logits, logits.flip(0)])
    mapped = torch.func.vmap(torch.func.grad(of))(both)
    torch.testing.assert_close(mapped, torch.stack([torch.func.grad(of)(each) for each in both]))


@pytest.mark.parametrize("symbol", [*SYMBOLS, "C", "H_model[Y|X]"])
def test_an_encoder_that_has_become_deterministic_has_finite_gradients(symbol: str, y: Tensor) -> None:
    logits = (1000 * torch.nn.functional.one_hot(torch.arange(B) % K, K)).double().requires_grad_()
    found = value(symbol, a_pass(logits, y))
    (gradient,) = torch.autograd.grad(found, logits)
    assert found.isfinite() and gradient.isfinite().all()
    if symbol == "H[Z|X]":
        assert found.item() == 0


def test_one_sample_has_nothing_to_tell() -> None:
    p = a_pass(torch.randn(1, K).double(), torch.tensor([2]))
    for symbol in ("H[Y|Z]", "I[X;Z]", "I[X;Z|Y]"):
        assert value(symbol, p).item() == pytest.approx(0, abs=1e-12)
    assert not functionals()["L2[Z]"].measurable(p)
