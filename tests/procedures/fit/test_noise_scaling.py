"""Scaling the entropy of the latent: the same network, the entropy that was asked for, and a run of it."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ib_cli.contracts.errors import RunFailedError
from ib_cli.contracts.noise import Planner
from ib_cli.contracts.passes import Batch
from ib_cli.engine.loss import forward
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.latent_scaling import LatentScaling, latent_moments
from ib_cli.procedures.fit.noise_scaling import TARGET, NoiseScaling
from ib_cli.system.signals import Interrupted
from tests.conftest import SMALL
from tests.families import family

PLAIN = (
    "objective=ce",
    "bottleneck=deterministic",
    "bottleneck.size=4",
    "evaluate_train=true",
    "procedure=noise_scaling",
)
MASKED = ("architecture.dropout=0.2", "architecture.monte_carlo=true", "samples=2", "eval_samples=3")
NOISY = ("objective=ce", "bottleneck=zero_entropy_noise", "evaluate_train=true", "procedure=noise_scaling", *MASKED)
WHOLE = "procedure=noise_scaling"


def in_float64(made: Experiment) -> tuple[LatentScaling, dict, Batch]:
    """The model in float64, its scaling, and the train split."""
    made.model.double().eval()
    batch = made.data.batch("train", torch.arange(len(made.data.splits["train"])))
    return LatentScaling(made.model), dict(made.model.named_parameters()), batch._replace(x=batch.x.double())


def moments_in_float64(made: Experiment, params: dict, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> tuple:
    monkeypatch.setattr(
        type(made.data), "batch", lambda self, split, indices: Batch(*(part[indices] for part in batch[:2]))
    )
    buffers = dict(made.model.named_buffers())
    return latent_moments(made, params, buffers, generator("cpu", 0, "test"))


@pytest.mark.parametrize("nats", [300.0, 0.0, -500.0])
@pytest.mark.parametrize("bottleneck", ["deterministic", "zero_entropy_noise"])
def test_another_entropy_and_the_same_function(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, bottleneck: str, nats: float
) -> None:
    made = experiment("objective=ce", f"bottleneck={bottleneck}", "bottleneck.size=4", WHOLE, "eval_batch_size=70")
    scaling, params, batch = in_float64(made)
    buffers = dict(made.model.named_buffers())

    def noise_free(of: dict) -> tuple[torch.Tensor, torch.Tensor]:
        p = forward(made.model, of, buffers, batch, Planner("cpu"), 1, "fp32")  # a planner's noise is 0
        return p.z[0].detach(), p.class_logits.detach()

    z, logits = noise_free(params)
    scaling.fit(*moments_in_float64(made, params, batch, monkeypatch), nats)
    scaled = scaling(params, buffers)
    other_z, other_logits = noise_free(scaled)
    torch.testing.assert_close(other_logits, logits, rtol=0, atol=1e-10)
    variance = other_z.var(0, correction=0)
    assert (0.5 * (2 * math.pi * math.e * variance).log()).sum().item() == pytest.approx(nats, abs=1e-6)
    assert variance.max() / variance.min() == pytest.approx(1, abs=1e-9)
    assert (other_z.mean(0) / variance.sqrt()).abs().max() < 1e-9
    assert not torch.allclose(z, other_z)

    before = {name: p.detach().clone() for name, p in scaled.items()}
    scaling.settle(params)
    for settled in (params, scaling(params, buffers)):
        assert all(torch.equal(settled[name], p) for name, p in before.items())


def test_weights_of_samples_count_in_the_moments(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = experiment("objective=ce", "bottleneck=deterministic", "bottleneck.size=4", WHOLE)
    scaling, params, batch = in_float64(made)
    N = len(batch.y)
    twice = (torch.arange(N) % 2).double() * 2
    monkeypatch.setattr(type(made.data), "batch", lambda self, split, i: Batch(batch.x[i], batch.y[i], weight=twice[i]))
    mean, variance = latent_moments(made, params, dict(made.model.named_buffers()), generator("cpu", 0, "test"))
    odd = batch._replace(x=batch.x[1::2], y=batch.y[1::2])
    z = forward(made.model, params, dict(made.model.named_buffers()), odd, Planner("cpu"), 1, "fp32").z[0].detach()
    torch.testing.assert_close(mean, z.mean(0))
    torch.testing.assert_close(variance, z.var(0, correction=0))
    assert scaling.encoder == "bottleneck.map"


def test_without_noise_the_scale_changes_nothing_but_roundings(experiment: Callable[..., Experiment]) -> None:
    ended = []
    for end in (20.0, -80.0):
        made = experiment(*PLAIN, "epochs=4", "optimizer.lr=1e-2", folder=f"to {end}")
        ended.append(NoiseScaling(start=20.0, end=end).run(made, None).measures["test"])
    assert ended[1] == pytest.approx(ended[0], rel=1e-3)
    assert ended[0]["accuracy"] > 0.3


def test_with_noise_a_small_scale_leaves_nothing(experiment: Callable[..., Experiment]) -> None:
    errors = []
    for end in (20.0, -40.0):
        made = experiment(*NOISY, "architecture.widths=[64]", "epochs=15", "optimizer.lr=1e-2", folder=f"to {end}")
        errors.append(NoiseScaling(start=20.0, end=end).run(made, None).measures["train"]["error"])
    assert errors[0] < 0.3 and errors[1] > 0.75


def test_targets_are_recorded_and_reached(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*PLAIN, "epochs=3")
    finished = NoiseScaling(start=10.0, end=-6.0).run(made, None)
    lines = [line for line in made.records.metrics.read() if line["split"] == "train"]
    assert [line[TARGET] for line in lines] == [10.0, 2.0, -6.0]
    assert all("error" in line for line in lines) and TARGET not in made.records.metrics.read()[-1]
    mean, variance = latent_moments(
        made, finished.params, dict(made.model.named_buffers()), generator("cpu", 0, "test")
    )
    assert (0.5 * (2 * math.pi * math.e * variance).log()).sum().item() == pytest.approx(-6.0, abs=1e-4)
    assert (mean / variance.sqrt()).abs().max() < 1e-4
    saved = made.records.load_checkpoint(torch.device("cpu"))["params"]
    assert all(torch.equal(saved[name], p) for name, p in finished.params.items())


@pytest.mark.parametrize("steps", family([2, 6, 12], quick=[6]))
def test_an_interrupted_run_ends_as_an_undisturbed_one(experiment: Callable[..., Experiment], steps: int) -> None:
    options, keys = (
        (*NOISY, "epochs=3", "schedule=plateau", "estimators.every=1", "estimators.use=[kraskov]"),
        {"start": 9.0, "end": -9.0},
    )
    whole = experiment(*options, folder="whole")
    expected = NoiseScaling(**keys).run(whole, None)
    asked = iter([None] * steps + [signal.SIGTERM] * 100)  # 4 steps an epoch
    part = replace(experiment(*options, folder="part"), stop=lambda: next(asked))
    with pytest.raises(Interrupted):
        NoiseScaling(**keys).run(part, None)
    part.records.close()
    rest = experiment(*options, folder="part")
    ended = NoiseScaling(**keys).run(rest, rest.records.load_checkpoint(rest.device))
    assert ended.measures == expected.measures and ended.estimates == expected.estimates
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())
    assert rest.records.metrics.read() == whole.records.metrics.read()


@pytest.mark.slow
def test_real_images(experiment: Callable[..., Experiment], real_data: str) -> None:
    images = ("dataset=mnist", f"dataset.root={real_data}", "dataset.download=false", "architecture=cnn")
    masked = (
        "architecture.monte_carlo=true",
        "samples=3",
        "eval_samples=2",
        "dataset.train_size=300",
        "bottleneck.size=16",
    )
    made = experiment(
        "objective=ce", "bottleneck=zero_entropy_noise", WHOLE, *images, *masked, "optimizer.lr=1e-3", "epochs=4"
    )
    measures = NoiseScaling(start=60.0, end=50.0).run(made, None).measures
    assert measures["train"]["accuracy"] > 0.5 and 0 <= measures["test"]["error"] <= 1


@pytest.mark.parametrize(
    "words, told",
    family(
        [
            (
                ("objective=vib",),
                "bottleneck: procedure=noise_scaling scales a linear map to z, which Gaussian does not",
            ),
            (("objective=ce", "bottleneck.size=null"), "which Deterministic does not have as it is: choose"),
            (
                ("objective=ce", "bottleneck.size=4", "classifier=mlp"),
                "classifier: procedure=noise_scaling counter-scales",
            ),
            (
                ("objective=vib", "bottleneck=zero_entropy_noise"),
                "marginal: procedure=noise_scaling counter-scales the classifier alone",
            ),
            (("objective=ce", "bottleneck.size=4", "averaging=0.9"), "averaging=0.9: procedure=noise_scaling"),
            (
                ("objective=bayes_by_backprop", "bottleneck.size=4"),
                "weights: procedure=noise_scaling scales weights that",
            ),
            (("objective=ce", "bottleneck.size=4", "procedure.end=low"), "procedure.end"),
            (
                ("objective=ce", "bottleneck.size=4", "procedure.start=1e5"),
                "float32 has numbers for entropies from -404 to 348",
            ),
            (("objective=ce", "bottleneck.size=4", "procedure.end=-500"), "procedure.end=-500: float32 has numbers"),
        ],
        every=2,
    ),
)
def test_what_cannot_be_scaled_is_told_in_one_line(ib_train: Callable, words: tuple[str, ...], told: str) -> None:
    small = [word for word in SMALL if not word.startswith("bottleneck.")]
    ended = ib_train(*small, *words, WHOLE)
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1, ended.err
    assert told in ended.err
    assert not Path("outputs").exists()


@pytest.mark.parametrize("variance", [0.0, math.inf, math.nan])
def test_a_dimension_that_cannot_be_scaled_ends_the_run(experiment: Callable[..., Experiment], variance: float) -> None:
    scaling = LatentScaling(experiment(*PLAIN).model)
    with pytest.raises(RunFailedError, match="dimension 2 of the latent has variance"):
        scaling.fit(torch.zeros(4), torch.tensor([1.0, 2.0, variance, 1.0]), 3.0)
