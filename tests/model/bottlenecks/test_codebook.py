"""The quantised bottleneck: what it chooses, what it learns and where gradients go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Codes
from ib_cli.engine.loss import plan
from ib_cli.model.bottlenecks.codebook import Codebook
from ib_cli.model.bottlenecks.quantiser import Quantiser
from tests.families import family

PLAIN: dict[str, Any] = {
    "shared": True, "learned": "ema", "decay": 0.9, "revive": None, "distance_weight": None, "entropy_model": "usage",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    **PLAIN, "codewords": 5, "size": 4, "standardise": False, "groups": 2, "added": "none", "added_scale": 0.1,
    "initialisation": "torch",
}  # fmt: skip


def a_quantiser(places: int = 1, words: int = 4, dimensions: int = 2, **keys: Any) -> Quantiser:
    return Quantiser(places, words, dimensions, **{**PLAIN, **keys}).double()


def placed(quantiser: Quantiser, words: list) -> Quantiser:
    """Codewords at given places, past the start."""
    quantiser.words.copy_(torch.tensor(words, dtype=torch.float64).reshape(quantiser.words.shape))
    quantiser.started.fill_(True)
    return quantiser


def passed(module: torch.nn.Module, *arguments: Any, seed: int = 0) -> Any:
    """A pass with numbers of a seed; planned on copies, as the engine does."""
    planner = Planner("cpu")
    copies = {name: each.clone() for name, each in (*module.named_parameters(), *module.named_buffers())}
    functional_call(module, copies, (arguments[0], planner, *arguments[1:]))
    numbers = draw(planner.requests, torch.Generator().manual_seed(seed))
    return module(arguments[0], Tape(numbers), *arguments[1:])


def points(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shared", [True, False])
def test_the_nearest_codeword_is_chosen(shared: bool) -> None:
    quantiser = a_quantiser(3, 6, 2, shared=shared).eval()
    quantiser.words.copy_(points(*quantiser.words.shape, seed=1))
    e = points(50, 3, 2)
    codes = passed(quantiser, e)
    words = quantiser.words.expand(3, -1, -1)
    for place in range(3):
        nearest = torch.cdist(e[:, place], words[place]).argmin(1)
        assert torch.equal(codes.chosen[:, place].argmax(1), nearest)
        assert torch.equal(codes.codeword[:, place], words[place][nearest])
    assert torch.equal(codes.chosen.sum(-1), torch.ones(50, 3, dtype=torch.float64))


def test_code_lengths_move_the_threshold_to_where_both_codewords_cost_alike() -> None:
    quantiser = placed(a_quantiser(1, 2, 1, distance_weight=8.0), [0.0, 1.0]).eval()
    quantiser.usage.copy_(torch.tensor([[0.9, 0.1]]))
    p = quantiser.log_m.detach().exp()[0]
    threshold = 0.5 + float((p[0] / p[1]).log()) / 8  # 4 t² − ln p₀ = 4 (1 − t)² − ln p₁
    e = torch.tensor([threshold - 1e-6, threshold + 1e-6], dtype=torch.float64).view(2, 1, 1)
    assert passed(quantiser, e).chosen[:, 0].argmax(1).tolist() == [0, 1]
    quantiser.weighs = False
    assert passed(quantiser, e).chosen[:, 0].argmax(1).tolist() == [1, 1]


def test_codewords_follow_the_means_of_their_encodings() -> None:
    quantiser = placed(a_quantiser(1, 2, 1, decay=0.5), [0.0, 10.0])
    counts, sums = quantiser.usage[0].clone(), quantiser.usage[0] * quantiser.words[0, :, 0]
    for seed in range(4):
        e = points(8, 1, 1, seed=seed) + torch.tensor([0.0, 10.0] * 4, dtype=torch.float64).view(8, 1, 1)
        own = torch.stack([e[::2, 0, 0], e[1::2, 0, 0]])
        passed(quantiser, e)
        counts, sums = 0.5 * counts + 0.5 * 0.5, 0.5 * sums + 0.5 * own.sum(1) / 8
        torch.testing.assert_close(quantiser.words[0, :, 0], sums / counts)
    torch.testing.assert_close(quantiser.usage[0], counts)


def test_codewords_start_at_spread_encodings_of_the_first_batch() -> None:
    quantiser, e = a_quantiser(1, 64, 1, decay=0.999999), 3 + 2 * points(64, 1, 1)
    passed(quantiser, e)
    spread = e.mean() + 3**0.5 * (e.flatten() - e.mean())
    torch.testing.assert_close(quantiser.words.flatten().sort().values, spread.sort().values, rtol=0, atol=1e-3)


def test_fewer_encodings_than_codewords_start_no_two_alike() -> None:
    quantiser = a_quantiser(1, 10, 2)
    passed(quantiser, points(3, 1, 2))
    assert torch.cdist(quantiser.words[0], quantiser.words[0]).add(torch.eye(10)).min() > 1e-3


@pytest.mark.parametrize("learned", ["ema", "gradient"])
def test_a_codeword_without_samples_moves_to_one_and_is_counted(learned: str) -> None:
    quantiser = placed(a_quantiser(1, 3, 1, revive=2, learned=learned), [0.0, 50.0, 99.0])
    if quantiser.shift is not None:
        torch.nn.init.constant_(quantiser.shift, 0.25)
    e = 0.1 * points(20, 1, 1)
    passed(quantiser, e)
    assert quantiser.revived == 0 and quantiser.idle[0].tolist() == [0, 1, 1]
    codes = passed(quantiser, e, seed=1)
    assert quantiser.revived == codes.revived == 2 and quantiser.idle[0].tolist() == [0, 0, 0]
    for word in quantiser.codewords[0, 1:, 0].tolist():
        assert (e.flatten() - word).abs().min() < 1e-12
    assert quantiser.usage[0, 1:].tolist() == pytest.approx([1 / 3] * 2)
    quantiser.revive = None
    for _ in range(5):
        passed(quantiser, e + 1000)
    assert quantiser.revived == 2


def test_evaluations_change_nothing_and_draw_nothing() -> None:
    quantiser = placed(a_quantiser(revive=1), [[0, 0], [1, 1], [2, 2], [3, 3]]).eval()
    before = {name: each.clone() for name, each in quantiser.named_buffers()}
    planner = Planner("cpu")
    quantiser(points(9, 1, 2), planner)
    assert not planner.requests
    assert all(torch.equal(each, before[name]) for name, each in quantiser.named_buffers())


@pytest.mark.parametrize("learned", ["ema", "gradient"])
def test_the_decoders_gradient_goes_straight_through_to_the_encoder(learned: str) -> None:
    bottleneck = Codebook(3, **{**WHOLE, "size": None, "groups": 3, "learned": learned})
    features = torch.randn(7, 3, requires_grad=True)
    _, z, codes = passed(bottleneck, features, 1)
    torch.testing.assert_close(z[0].detach(), codes.codeword.flatten(1).detach())
    slope = torch.randn(7, 3)
    (z[0] * slope).sum().backward()
    assert torch.equal(features.grad, slope)
    assert all(p.grad is None or not p.grad.any() for p in bottleneck.quantiser.parameters())


def test_the_choice_has_the_value_of_the_hard_and_the_gradient_of_the_soft_one() -> None:
    quantiser = placed(a_quantiser(1, 3, 2, distance_weight=4.0), [[0, 0], [1, 0], [0, 2]])
    e = points(6, 1, 2).requires_grad_()
    words, log_m = quantiser.words[0].clone(), quantiser.log_m[0].clone()
    codes: Codes = passed(quantiser, e)
    assert set(codes.chosen.detach().unique().tolist()) <= {0.0, 1.0}
    weights = points(6, 3, seed=2)
    (found,) = torch.autograd.grad((codes.chosen[:, 0] * weights).sum(), e)
    soft = (log_m - 2 * (e[:, 0].unsqueeze(1) - words).square().sum(-1)).softmax(-1)
    (expected,) = torch.autograd.grad((soft * weights).sum(), e)
    torch.testing.assert_close(found, expected)
    assert expected.abs().max() > 1e-3


@pytest.mark.parametrize("added, deviation", [("uniform", 0.5 / 3**0.5), ("normal", 0.5)])
def test_added_noise_has_its_law_in_evaluations_and_in_draws(added: str, deviation: float) -> None:
    bottleneck = Codebook(4, **{**WHOLE, "added": added, "added_scale": 0.5}).eval()
    _, z, codes = passed(bottleneck, torch.randn(500, 4), 20)
    u = z - codes.codeword.flatten(1)
    assert z.shape == (20, 500, 4)
    assert u.std().item() == pytest.approx(deviation, rel=0.02) and u.mean().abs() < 0.01
    assert added == "normal" or u.abs().max() <= 0.5
    planner = Planner("cpu")
    bottleneck.draw(100, planner)
    drawn = bottleneck.draw(100, Tape(draw(planner.requests, torch.Generator().manual_seed(0))))
    assert drawn.shape == (100, 4) and len(drawn.unique()) > 300


def test_draws_have_the_frequencies_of_the_entropy_model() -> None:
    bottleneck = Codebook(2, **{**WHOLE, "codewords": 3, "size": None, "groups": 2, "shared": False}).eval()
    bottleneck.quantiser.words.copy_(torch.tensor([[0.0, 1, 2], [10, 11, 12]]).unsqueeze(-1))
    bottleneck.quantiser.usage.copy_(torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]))
    numbers = draw([("uniform", (2, 20_000))], torch.Generator().manual_seed(0))  # type: ignore[list-item]
    z = bottleneck.draw(20_000, Tape(numbers)).double()
    for word, share in ((0, 0.7), (1, 0.2), (2, 0.1)):
        assert (z[:, 0] == word).double().mean().item() == pytest.approx(share, abs=0.01)
    for word, share in ((10, 0), (11, 0.5), (12, 0.5)):
        assert (z[:, 1] == word).double().mean().item() == pytest.approx(share, abs=0.01)


def test_encodings_can_be_standardised() -> None:
    bottleneck = Codebook(4, **{**WHOLE, "standardise": True})
    _, _, codes = passed(bottleneck, 100 + 50 * torch.randn(200, 4), 1)
    e = codes.encoding.flatten(1)
    torch.testing.assert_close(e.mean(0), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(e.std(0, correction=0), torch.ones(4), rtol=0, atol=1e-3)


def test_groups_must_divide_z() -> None:
    with pytest.raises(ConfigError, match=r"bottleneck.groups=3: must divide the 4 dimensions"):
        Codebook(4, **{**WHOLE, "groups": 3})


@pytest.mark.parametrize("beta", family([10.0, 100.0], quick=[100.0]))
def test_codewords_of_a_gaussian_reach_the_rate_of_scalar_quantisation(beta: float) -> None:
    """Rates above the exact R(D) by ½ log₂(πe/6) = 0.254 bits at high rates (Gish and Pierce 1968)."""
    quantiser, draws = a_quantiser(1, 64, 1, decay=0.99, distance_weight=beta).float(), torch.Generator().manual_seed(0)
    for _ in range(600):
        quantiser(torch.randn(500, 1, 1, generator=draws), Tape([torch.rand(1, 500, generator=draws)]))
    e = torch.randn(100_000, 1, 1, generator=draws)
    codes = quantiser.eval()(e, Tape(()))
    p, D = codes.chosen.mean(0)[0], (e - codes.codeword).square().mean()
    bits = -(p * p.where(p > 0, 1).log2()).sum()
    above = float(bits - 0.5 * (1 / D).log2())
    assert 0.23 < above < 0.32
    assert 0.4 < float(D) * beta < 1.5  # the slope of R(D), −1/2D, is −β/2


@pytest.mark.parametrize("shared", [True, False])
def test_the_gradient_of_codewords_is_that_of_a_product_with_the_choice(shared: bool) -> None:
    quantiser = a_quantiser(3, 6, 2, shared=shared, learned="gradient")
    quantiser.words.copy_(points(*quantiser.words.shape, seed=1))
    quantiser.started.fill_(True)
    e, weights = points(50, 3, 2), points(50, 3, 2, seed=2)
    c = quantiser.codewords.detach().clone().requires_grad_()
    index = torch.cdist(e.transpose(0, 1), c.detach().expand(3, -1, -1)).argmin(-1).T
    chosen = torch.nn.functional.one_hot(index, 6).double()
    expected = torch.einsum("bpl,pld->bpd", chosen, c.expand(3, -1, -1))
    (slope,) = torch.autograd.grad((expected * weights).sum(), c)
    codes = quantiser(e, Tape([torch.rand(len(c), 50 * 3 // len(c))]))
    assert torch.equal(codes.codeword, expected)
    (found,) = torch.autograd.grad((codes.codeword * weights).sum(), quantiser.shift)
    torch.testing.assert_close(found, slope)


@pytest.mark.parametrize("objective, made", [("vq_vae", False), ("shannon_ae", True)])
def test_soft_choices_are_made_for_a_rate_of_codewords_alone(
    experiment: Callable[..., Any], objective: str, made: bool
) -> None:
    ours = experiment(f"objective={objective}", "dataset.train_size=40")
    model, batch = ours.model.train(), ours.data.batch("train", torch.arange(20))
    p = model(batch, Tape(draw(plan(model, batch, 1, "fp32"), torch.Generator().manual_seed(0))), 1)
    ours.objective(p, ours.multipliers)
    assert ("chosen" in vars(p.codes)) == made
    assert p.codes.chosen.sum() == 20 and p.codes.chosen.requires_grad
