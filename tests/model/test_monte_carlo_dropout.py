"""Monte-Carlo dropout within an architecture: masks of its own for each draw of z, in evaluations too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.experiment.estimates import represented
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals import functionals
from ib_cli.model.blocks.layers import Chain, Dropout, Linear
from ib_cli.procedures.fit.fit import Fit
from tests.conftest import SMALL
from tests.families import family

MASKED = (
    "architecture.widths=[40,30]", "architecture.activation=tanh", "architecture.dropout=0.2",
    "architecture.monte_carlo=true",
)  # fmt: skip


def passed(made: Experiment, samples: int, rows: int = 6) -> Pass:
    """A pass of the first test samples in evaluation mode."""
    model = made.model.eval()
    batch, planner = made.data.batch("test", torch.arange(rows)), Planner("cpu")
    model(batch, planner, samples)
    return model(batch, Tape(draw(planner.requests, torch.Generator().manual_seed(1))), samples)


def test_draws_of_a_linear_layer_have_the_mean_and_variance_of_all_masks() -> None:
    torch.manual_seed(0)
    B, p, layer = 3, 0.3, Linear(4, 2).double()
    chain = Chain(Dropout(p, monte_carlo=True), layer).eval()
    h = torch.rand(B, 4, dtype=torch.float64)
    masks = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4)), dtype=torch.float64)  # all 16
    tape = Tape([masks.float().unsqueeze(1).expand(-1, B, -1).flatten(0, 1)])
    tape.draws = len(masks)
    z = chain(h, tape).view(len(masks), B, 2)
    kept = masks.sum(1)
    weight = ((1 - p) ** kept * p ** (4 - kept)).view(-1, 1, 1)
    mean = (weight * z).sum(0)
    torch.testing.assert_close(mean, h @ layer.weight + layer.bias, rtol=0, atol=1e-6)  # p is held in float32
    variance = (weight * (z - mean).square()).sum(0)
    torch.testing.assert_close(variance, p / (1 - p) * h.square() @ layer.weight.square(), rtol=1e-6, atol=0)


def test_what_comes_before_the_first_mask_is_computed_once() -> None:
    rows: list[int] = []
    before, after = nn.Identity(), nn.Identity()
    for layer in (before, after):
        layer.register_forward_hook(lambda _, inputs, output: rows.append(len(output)))
    chain = Chain(before, Dropout(0.5, monte_carlo=True), after, Dropout(0.5, monte_carlo=True)).eval()
    planner = Planner("cpu")
    planner.draws = 7
    assert chain(torch.rand(3, 4), planner).shape == (21, 4)
    assert rows == [3, 21] and [request.shape for request in planner.requests] == [(21, 4), (21, 4)]


@pytest.mark.parametrize("bottleneck", ["deterministic", "zero_entropy_noise", "dropout"])
def test_every_draw_and_every_sample_has_masks_of_its_own(
    experiment: Callable[..., Experiment], bottleneck: str
) -> None:
    made = experiment("objective=ce", f"bottleneck={bottleneck}", *MASKED)
    p = passed(made, samples=5)
    assert p.z.shape == (5, 6, 4) and p.encoder is None and p.class_logits.shape == (5, 6, 10)
    distances = torch.cdist(p.z.transpose(0, 1), p.z.transpose(0, 1))
    assert (distances + torch.eye(5) > 0).all()
    assert passed(made, samples=1).z.shape == (1, 6, 4)


def test_samples_that_share_an_x_have_masks_of_their_own(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=ce", "bottleneck=deterministic", *MASKED)
    model, planner = made.model.eval(), Planner("cpu")
    x = made.data.batch("test", torch.arange(2)).x
    batch = Batch(x, torch.arange(6))
    model(batch, planner, 2)
    p = model(batch, Tape(draw(planner.requests, torch.Generator().manual_seed(1))), 2)
    assert p.z.shape == (2, 6, 4) and len(p.z.flatten(0, 1).unique(dim=0)) == 12


def test_variances_of_the_draws_are_those_of_all_of_them(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=ce", "bottleneck=deterministic", *MASKED)
    log_variance = functionals()["log_Var[Z]"]
    for samples in (1, 9):
        p = passed(made, samples, rows=80)
        z = p.z.detach().double()
        between = z.mean(0).var(0)  # one draw: the whole variance
        within = z.var(0, correction=0).mean(0) if samples > 1 else 0.0
        expected = (0.5 * (2 * math.pi * math.e * (between + within)).log()).sum()
        torch.testing.assert_close(log_variance.nats(p).double(), expected, rtol=1e-5, atol=1e-5)


def test_the_variance_of_a_tiny_z_is_no_zero() -> None:
    z = 1e-30 * torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(0))
    small, usual = (
        functionals()["log_Var[Z]"].of_sums(
            functionals()["log_Var[Z]"].sums(Pass(torch.zeros(50, 1), torch.zeros(50, dtype=torch.int64), each))
        )
        for each in (z, z * 1e30)
    )
    assert small.item() == pytest.approx(usual.item() + 3 * math.log(1e-30), abs=1e-4)


def test_evaluations_and_estimates_draw(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=ce", "bottleneck=zero_entropy_noise", *MASKED, "eval_samples=6")
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    found = Evaluation(made).of(params, "test")
    assert found["H_model[Y|X]"] < found["C"] and "R" not in found
    z, _, gaussian, _ = represented(made.model, made.data, made.settings, params, buffers, "test", 20)
    assert z.shape == (20, 4) and gaussian == {"drawn": True}  # a mixture over masks is no Gaussian


@pytest.mark.slow
def test_it_learns(experiment: Callable[..., Experiment]) -> None:
    made = experiment(
        "objective=ce", "bottleneck=deterministic", *MASKED, "samples=3", "epochs=30", "optimizer.lr=3e-3"
    )
    assert Fit(patience=None, watch="J").run(made, None).measures["train"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    "words, told",
    family(
        [
            (("objective=vib", *MASKED), "architecture.monte_carlo=true: this objective has R, but"),
            (
                ("objective=ce", "architecture.monte_carlo=true"),
                "architecture.monte_carlo=true: nothing is dropped; set architecture.dropout above 0",
            ),
            (("objective=decoder_ce", *MASKED), "architecture.monte_carlo=true: a discrete z is not drawn"),
        ],
        every=2,
    ),
)
def test_what_does_not_go_with_it_is_told_in_one_line(ib_train: Callable, words: tuple[str, ...], told: str) -> None:
    ended = ib_train(*SMALL, *words)
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1
    assert told in ended.err
    assert not Path("outputs").exists()
