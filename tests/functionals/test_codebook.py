"""Rates and losses of codewords, in float64 against their formulas, and objectives against the papers' equations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.noise import Tape, draw
from ib_cli.contracts.passes import Codes, Pass
from ib_cli.engine.loss import plan
from ib_cli.functionals import functionals

INDEX = torch.tensor([[0, 1], [0, 2], [1, 2], [0, 2]])  # (B, P)
LOG_M = torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], dtype=torch.float64).log()


def a_pass(weight: Tensor | None = None) -> Pass:
    torch.manual_seed(0)
    e, c = torch.randn(2, 4, 2, 3, dtype=torch.float64)
    codes = Codes(INDEX, e, c, LOG_M, torch.tensor(7.0))
    return Pass(torch.zeros(4, 1), torch.zeros(4), c.flatten(1).unsqueeze(0), codes=codes, weight=weight)


def nats(symbol: str, p: Pass) -> Tensor:
    return functionals()[symbol].nats(p)


def entropy(*p: float) -> float:
    return -sum(each * math.log(each) for each in p if each)


def test_entropy_of_usage_sums_over_places_and_perplexity_is_of_their_mean() -> None:
    expected = entropy(0.75, 0.25) + entropy(0.25, 0.75)
    assert nats("H[Ẑ]", a_pass()).item() == pytest.approx(expected, abs=1e-12)
    assert nats("perplexity", a_pass()).item() == pytest.approx(math.exp(expected / 2), abs=1e-12)
    assert nats("revived", a_pass()).item() == 7


def test_weights_of_samples_count_as_numbers_of_samples() -> None:
    p = a_pass(torch.tensor([2.0, 1.0, 1.0, 0.0]).double())
    expected = entropy(0.75, 0.25) + entropy(0.5, 0.5)
    assert nats("H[Ẑ]", p).item() == pytest.approx(expected, abs=1e-12)


def test_code_length_is_at_least_the_entropy_and_equal_for_the_frequencies() -> None:
    p = a_pass()
    assert p.mean(nats("H_model[Ẑ]", p)) > nats("H[Ẑ]", p)
    expected = -torch.stack([LOG_M[0, INDEX[:, 0]], LOG_M[1, INDEX[:, 1]]]).sum(0)
    torch.testing.assert_close(nats("H_model[Ẑ]", p), expected)
    shares = torch.tensor([[0.75, 0.25, 1e-300], [1e-300, 0.25, 0.75]], dtype=torch.float64)
    best = replace(p, codes=replace(p.codes, log_m=shares.log()))
    torch.testing.assert_close(best.mean(nats("H_model[Ẑ]", best)), nats("H[Ẑ]", p))


def test_the_two_squared_distances_are_equal_and_differ_in_what_they_move() -> None:
    p = a_pass()
    e, c = (each.clone().requires_grad_() for each in (p.codes.encoding, p.codes.codeword))
    p = replace(p, codes=replace(p.codes, encoding=e, codeword=c))
    expected = (e - c).square().sum((1, 2))
    for symbol, moved, still in (("codebook", c, e), ("commitment", e, c)):
        found = nats(symbol, p)
        torch.testing.assert_close(found, expected)
        slopes = torch.autograd.grad(found.sum(), (moved, still), allow_unused=True)
        torch.testing.assert_close(slopes[0], 2 * (moved - still))
        assert slopes[1] is None


def test_the_gradient_of_the_entropy_is_minus_ln_p() -> None:
    p = a_pass()
    soft = p.codes.chosen.clone().requires_grad_()
    H = nats("H[Ẑ]", replace(p, codes=replace(p.codes, soft=lambda: soft)))
    (slope,) = torch.autograd.grad(H, soft)
    p_0 = torch.tensor([0.75, 0.25], dtype=torch.float64)
    expected = (-p_0.log() - entropy(0.75, 0.25)) / 4  # of shares that keep their sum free
    torch.testing.assert_close(slope[0, 0, :2], expected)


@pytest.mark.parametrize(
    "name, words, terms",
    [
        ("shannon_ae", ["beta=0.3"], {"H[Ẑ]": 1, "D": 0.3}),
        ("shannon_ae_model", ["beta=0.3"], {"H_model[Ẑ]": 1, "D": 0.3}),
        ("generative_compression", ["beta=0.3"], {"H[Ẑ]": 1, "D": 0.3, "D_x": 0.3}),
        ("vq_vae", [], {"D": 1, "codebook": 1, "commitment": 0.25}),
    ],
)
def test_objectives_are_the_equations(experiment: Callable, name: str, words: list[str], terms: dict) -> None:
    made = experiment(f"objective={name}", *words)
    made.model.double()
    batch = made.data.batch("train", torch.arange(50))
    batch = batch._replace(x=batch.x.double())
    numbers = draw(plan(made.model, batch, 1, "fp32"), torch.Generator().manual_seed(0))
    p = made.model(batch, Tape([each.double() for each in numbers]), 1)
    J, _ = made.objective(p, made.multipliers)
    expected = sum(weight * p.mean(nats(symbol, p)) for symbol, weight in terms.items())
    torch.testing.assert_close(J, expected, rtol=1e-12, atol=1e-12)
