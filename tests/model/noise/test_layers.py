"""Layers of noise: what they draw, report and keep, where they are, and what is left of them when they are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.engine.loss import forward
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.blocks.layers import Linear
from ib_cli.model.noise.binary import BinaryNoise
from ib_cli.model.noise.gaussian import GaussianNoise
from ib_cli.model.noise.information import ALPHA_MIN, InformationNoise
from ib_cli.model.noise.layer import NoiseLayer
from ib_cli.model.noise.priors import LogNormal, LogUniform

TWO = ("architecture.widths=[20,8]", "objective=information_dropout", "bottleneck.size=null")
KEEP = ("noise_1", "noise_2")


def passed(made: Experiment, samples: int = 1, keep: tuple[str, ...] = KEEP, on: bool = True) -> Pass:
    """A pass of six test samples in evaluation mode."""
    model, batch, planner = made.model.eval(), made.data.batch("test", torch.arange(6)), Planner("cpu")
    model(batch, planner, samples)
    numbers = draw(planner.requests, torch.Generator().manual_seed(1))
    buffers: dict[str, Any] = dict(model.named_buffers())
    params = dict(model.named_parameters())
    buffers = buffers if on else model.without_noise(buffers)
    return forward(model, params, buffers, batch, Tape(numbers, keep), samples, "fp32")


def epsilon(layer: NoiseLayer, count: int = 400_000) -> torch.Tensor:
    """Draws of the noise: z for f(x) = 1."""
    planner = Planner("cpu")
    one, x = torch.ones(1, count), torch.zeros(1, 1)
    layer(one, x, planner)
    return layer(one, x, Tape(draw(planner.requests, torch.Generator().manual_seed(0)))).detach().double()


class Constant(nn.Module):
    """A map that is the same number for every unit."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 1), self.value)


@pytest.mark.parametrize("unit_mean, mean", [(False, None), (True, 1.0)])
def test_gaussian_noise_has_its_variance(unit_mean: bool, mean: float | None) -> None:
    layer = GaussianNoise("noise_1", 0.7, unit_mean)
    drawn = epsilon(layer)
    alpha = layer.alpha.item()
    assert drawn.mean().item() == pytest.approx(mean or torch.tensor(alpha**2 / 2).exp().item(), abs=0.01)
    assert drawn.var().item() == pytest.approx(0.7, abs=0.03)
    assert drawn.log().std().item() == pytest.approx(alpha, abs=0.01)


def test_a_log_normal_of_deviation_0_7_has_variance_1_03() -> None:
    variance = GaussianNoise("noise_1", 1.0317, False)
    assert variance.alpha.item() == pytest.approx(0.7, abs=1e-3)


def test_binary_noise_keeps_a_share_and_has_mean_one() -> None:
    drawn = epsilon(BinaryNoise("noise_1", 0.8))
    assert set(drawn.unique().tolist()) == {0.0, 1.25}
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("unit_mean", [False, True])
def test_information_noise_has_the_alpha_of_its_map(unit_mean: bool) -> None:
    for logit in (-2.0, 30.0):
        prior = LogUniform(0.701, "alpha", 0.5)
        layer = InformationNoise("noise_1", Constant(logit), 0.7, prior, unit_mean, 1.0)
        alpha = ALPHA_MIN + 0.7 * torch.tensor(logit).sigmoid().item()
        logs = epsilon(layer).log()
        assert logs.std().item() == pytest.approx(alpha, rel=0.01)
        assert logs.mean().item() == pytest.approx(-(alpha**2) / 2 if unit_mean else 0.0, abs=0.005)
        if unit_mean:
            assert epsilon(layer).mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("activation, prior", [("relu", LogUniform), ("softplus", LogNormal)])
def test_reports_are_the_sums_of_what_is_kept(
    experiment: Callable[..., Experiment], activation: str, prior: type
) -> None:
    made = experiment(*TWO, f"architecture.activation={activation}", "noise.layer_weights=[2,0.5]")
    p = passed(made)
    assert all(isinstance(module.prior, prior) for module in made.model.modules() if hasattr(module, "prior"))
    for name, units in zip(KEEP, (20, 8)):
        kept = p.kept[name]
        assert kept.activation.shape == kept.clean.shape == kept.alpha.shape == kept.kl.shape == (6, units)
        torch.testing.assert_close(p.reports[name], kept.kl.sum(1))
        assert ((kept.alpha > ALPHA_MIN) & (kept.alpha < 0.701)).all()
        assert ((kept.activation / kept.clean).log()[kept.clean > 0].abs() / 0.7).max() < 5
    torch.testing.assert_close(p.noise_divergence, 2 * p.reports["noise_1"] + 0.5 * p.reports["noise_2"])
    assert passed(made, keep=("noise_2",)).kept.keys() == {"noise_2"}


def test_a_report_is_the_mean_over_the_draws_of_z(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*TWO, "architecture.activation=softplus")
    p = passed(made, samples=5)
    assert p.z.shape == (5, 6, 8) and p.encoder is None
    assert p.reports["noise_1"].shape == p.reports["noise_2"].shape == p.noise_divergence.shape == (6,)
    kept = p.kept["noise_2"]
    assert kept.kl.shape == kept.activation.shape == (30, 8)
    torch.testing.assert_close(p.reports["noise_2"], kept.kl.view(5, 6, 8).sum(2).mean(0))
    assert len(p.z.flatten(0, 1).unique(dim=0)) == 30  # each draw of each sample has noise of its own
    first = p.kept["noise_1"]
    assert first.kl.shape == first.clean.shape == first.activation.shape == (30, 20)
    torch.testing.assert_close(first.clean[:6], first.clean[6:12])


@pytest.mark.parametrize("kind", ["binary", "gaussian", "information"])
@pytest.mark.parametrize("unit_mean", [False, True])
def test_with_the_noise_off_the_network_is_what_it_is_without(
    experiment: Callable[..., Experiment], kind: str, unit_mean: bool
) -> None:
    chosen = [f"noise={kind}"] + [f"noise.unit_mean={unit_mean}"] * (kind != "binary")
    made = experiment("objective=ce", "architecture.widths=[20,8]", "bottleneck.size=null", *chosen)
    off, on = passed(made, on=False), passed(made)
    blocks = [layer.block for layer in made.model.architecture.layers]
    h = off.x.flatten(1)
    for name, block in zip(KEEP, blocks):
        h = block(h, Tape(()))
        assert torch.equal(off.kept[name].activation, h) and torch.equal(off.kept[name].clean, h)
    assert torch.equal(off.z[0], h) and not torch.allclose(on.z[0], h)
    assert made.model.architecture.layers[0].noise.on == 1  # the model's own buffers stay


def test_a_second_encoding_on_the_same_tape_changes_no_report(experiment: Callable[..., Experiment]) -> None:
    model = experiment(*TWO).model.eval()
    tape = Tape([torch.zeros(3, units) for units in (20, 8, 20, 8)], keep=KEEP)
    x, other = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8)
    model.architecture(x, tape)
    before, kept = dict(tape.reports), dict(tape.kept)
    model.architecture(other, tape)
    assert all(torch.equal(tape.reports[name], nats) for name, nats in before.items())
    assert all(tape.kept[name] is tensors for name, tensors in kept.items())


@pytest.mark.parametrize(
    "layers, names",
    [("all", ["noise_1", "noise_2", "noise_3"]), ("last", ["noise_3"]), ("[3,1]", ["noise_1", "noise_3"])],
)
def test_layers_name_the_places(experiment: Callable[..., Experiment], layers: str, names: list[str]) -> None:
    made = experiment("objective=information_dropout", "architecture.widths=[6,5,4]", f"noise.layers={layers}")
    assert [each.name for each in made.model.modules() if isinstance(each, NoiseLayer)] == names
    assert list(passed(made).reports) == names


def test_weight_decay_is_on_every_parameter(experiment: Callable[..., Experiment]) -> None:
    made = experiment(
        "objective=information_dropout", "architecture.activation=softplus", "optimizer=sgd", "optimizer.lr=0.5",
        "optimizer.weight_decay=0.1", "optimizer.momentum=0",
    )  # fmt: skip
    params = dict(made.model.named_parameters())
    ours = [name for name in params if "noise" in name]
    assert {name.rpartition("noise.")[2] for name in ours} == {
        "alpha_map.weight", "alpha_map.bias", "prior.mean", "prior.log_deviation",
    }  # fmt: skip
    before = {}
    for name, p in params.items():
        p.data.add_(1.0)
        before[name] = p.detach().clone()
        p.grad = torch.zeros_like(p)
    made.optimizer(params.values()).step()
    for name in ours:
        torch.testing.assert_close(params[name].detach(), before[name] * (1 - 0.5 * 0.1))


def test_the_prior_of_a_noise_layer_is_no_drawn_weight(experiment: Callable[..., Experiment]) -> None:
    made = experiment(
        "objective=information_dropout", "architecture.activation=softplus", "weights=gaussian",
        "weights.parts=[architecture]",
    )  # fmt: skip
    paths = [weight.path for weight in made.model.weights.weights]
    assert any("alpha_map.weight" in path for path in paths) and not any("prior" in path for path in paths)


def test_autocast_leaves_alpha_and_kl_in_full_precision() -> None:
    layer = InformationNoise("noise_1", Linear(4, 3), 0.7, LogNormal(), False, 1.0)
    tape = Tape([torch.randn(2, 3)], keep=("noise_1",))
    with torch.autocast("cpu", torch.bfloat16):
        z = layer(torch.rand(2, 3).bfloat16(), torch.rand(2, 4), tape)
    assert z.dtype == torch.bfloat16
    assert tape.kept["noise_1"].kl.dtype == tape.kept["noise_1"].alpha.dtype == torch.float32


def test_batches_that_share_an_x_have_a_kl_for_each_sample(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*TWO)
    x = made.data.batch("test", torch.arange(2)).x
    batch, planner = Batch(x, torch.arange(6)), Planner("cpu")
    p = made.model.eval()(batch, planner, 2)
    assert p.z.shape == (2, 6, 8) and p.noise_divergence.shape == (6,)
