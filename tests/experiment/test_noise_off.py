"""What a run measures at its end with the noise off, and with batch statistics made anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

import ib_cli
from ib_cli.contracts.noise import Planner
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.noise_off import NoiseOff
from tests.conftest import SMALL

WORDS = ("objective=information_dropout", "architecture.widths=[12,8]", "architecture.batch_norm=true",
         "bottleneck.size=null", "beta=1")  # fmt: skip


def trained(made: Experiment) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, dict[str, float]]]:
    finished = made.procedure.run(made, None)
    return finished.params, dict(made.model.named_buffers()), finished.measures


def by_hand(made: Experiment, params: dict[str, Tensor], buffers: dict[str, Tensor], split: str) -> dict[str, float]:
    """C and the error of the network without noise, on the split as one batch."""
    data, whole = made.data, made.data.splits[split]
    batch = data.batch(split, torch.arange(len(whole), device=data.device))
    made.model.eval()
    with torch.no_grad():
        p = functional_call(made.model, {**params, **buffers}, (batch, Planner("cpu"), 1))
        C = -p.label_density.log_prob(p.y).mean().item()
        return {"C": C, "error": (p.class_logits[0].argmax(1) != p.y).double().mean().item()}


def test_the_noise_is_off_and_the_statistics_are_those_of_the_train_split(
    experiment: Callable[..., Experiment],
) -> None:
    made = experiment(*WORDS, "batch_size=200")  # one batch: the cumulative average is exact
    params, buffers, measures = trained(made)
    switches = {f"architecture.layers.{i}.noise.on": torch.tensor(0.0) for i in (0, 1)}
    anew = {**buffers, **switches}
    x, model = made.data.batch("train", torch.arange(200)).x.flatten(1), made.model.eval()
    for i, layer in enumerate(model.architecture.layers):
        linear, norm, activation = layer.block
        h = linear(x)
        prefix = f"architecture.layers.{i}.block.1."
        anew |= {prefix + "running_mean": h.mean(0), prefix + "running_var": h.var(0)}
        x = activation(torch.nn.functional.batch_norm(h, None, None, norm.weight, norm.bias, training=True))
    for split in ("train", "test"):
        for ending, changed in (("_noise_off", {**buffers, **switches}), ("_noise_off_bn", anew)):
            for name, value in by_hand(made, params, changed, split).items():
                assert measures[split][name + ending] == pytest.approx(value, abs=1e-5), (split, name + ending)
    test = measures["test"]
    assert len({round(test[f"C{ending}"], 4) for ending in ("", "_noise_off", "_noise_off_bn")}) == 3
    assert "J_noise_off" in test and "KL_noise_off_bn" in test and "H_model[Y|X]_noise_off" not in test


def test_several_batches_average_by_their_sizes(experiment: Callable[..., Experiment]) -> None:
    """Means of batches of 80, 80 and 40 samples: that of all samples, for the first layer."""
    made = experiment(*WORDS, "batch_size=80")
    params, buffers, _ = trained(made)
    off = NoiseOff(made)
    anew = off._changed(params, buffers, None)["_noise_off_bn"]
    x = made.data.batch("train", torch.arange(200)).x.flatten(1)
    h = made.model.architecture.layers[0].block[0](x)
    prefix = "architecture.layers.0.block.1."
    torch.testing.assert_close(anew[prefix + "running_mean"], h.mean(0).detach(), rtol=1e-4, atol=1e-5)
    assert not torch.equal(buffers[prefix + "running_mean"], anew[prefix + "running_mean"])
    norms = [module for module in made.model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert all(norm.momentum == 0.1 for norm in norms)


def test_measuring_changes_nothing(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*WORDS)
    params, buffers, measures = trained(made)
    before = {name: value.clone() for name, value in buffers.items()}
    again = NoiseOff(made).of(params, buffers, ["test"])["test"]
    assert again == {name: measures["test"][name] for name in again}
    assert all(torch.equal(value, before[name]) for name, value in buffers.items())
    assert Evaluation(made).of(params, "test", buffers=buffers)["C"] == measures["test"]["C"]


def test_without_batch_norm_the_third_is_absent_and_without_noise_all(experiment: Callable[..., Experiment]) -> None:
    *_, noisy = trained(experiment("objective=ce", "noise=binary"))
    assert "error_noise_off" in noisy["test"] and not [name for name in noisy["test"] if name.endswith("_bn")]
    *_, clean = trained(experiment("objective=ce", folder="clean"))
    assert not [name for name in clean["test"] if "noise" in name]


def test_a_distortion_is_measured_without_noise_too(experiment: Callable[..., Experiment]) -> None:
    *_, measures = trained(experiment("objective=information_dropout_vae", "bottleneck.size=null", "eval_samples=3"))
    test = measures["test"]
    assert test["D_noise_off"] != test["D"] and test["KL_noise_off"] == pytest.approx(test["KL"], rel=1e-5)
    assert test["KL"] == pytest.approx(test["KL_noise_1"])
    assert test["J"] == pytest.approx(test["D"] + test["KL"], rel=1e-6)


def test_what_else_is_random_is_drawn_with_the_noise_off(experiment: Callable[..., Experiment]) -> None:
    words = ("objective=ce", "noise=binary", "eval_samples=7")
    assert NoiseOff(experiment(*words))._evaluation.samples == 1
    assert NoiseOff(experiment(*words, "bottleneck=gaussian", folder="other"))._evaluation.samples == 7


STUDIES = {
    "relu": (*WORDS, "noise.alpha_max=0.5,0.9", "beta=0.5,2"),
    "softplus, with decays and a gradient's norm": (
        *WORDS, "architecture.activation=softplus", "optimizer=sgd", "optimizer.lr=0.01,0.05",
        "optimizer.weight_decay=0,0.01", "clip=1", "batch_size=70",
    ),
    "a prior that nothing trains": (
        "objective=ce", "noise=information", "architecture.activation=softplus", "optimizer.lr=1e-3,1e-2",
    ),
    "binary": ("objective=ce", "noise=binary", "noise.keep=0.5,0.9", "samples=2", "architecture.batch_norm=true"),
    "gaussian": ("objective=ce", "noise=gaussian", "noise.variance=0.3,0.7", "noise.unit_mean=true", "seed=0,1"),
    "a decoder": ("objective=information_dropout_vae", "beta=1,4", "seed=0,1"),
}  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=pytest.mark.slow if i else ()) for i, words in enumerate(STUDIES.values())],
    ids=STUDIES,
)
def test_runs_trained_together_are_those_alone(ib_train: Callable, words: tuple[str, ...]) -> None:
    alone = ib_train("-m", *SMALL, *words, "name=alone")
    together = ib_train("-m", *SMALL, *words, "name=together", "hydra/launcher=vectorized")
    assert alone.code == together.code == 0 and "one by one" not in together.err, together.err
    results = {
        study: {
            file.parent.name: json.loads(file.read_text()) for file in Path(f"outputs/{study}").glob("*/result.json")
        }
        for study in ("alone", "together")
    }
    assert len(results["alone"]) >= 2 and results["alone"].keys() == results["together"].keys()
    for run, expected in results["alone"].items():
        for split in ("train", "test"):
            found = results["together"][run][split]
            assert found.keys() == expected[split].keys()
            for name, value in expected[split].items():
                slack = 0.03 if name.startswith(("accuracy", "error")) else 1e-3
                assert found[name] == pytest.approx(value, rel=slack, abs=slack), (run, split, name)


def test_the_library_measures_as_the_run_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for word in SMALL if not word.startswith(("bottleneck", "architecture"))]
    run = ib_cli.train(ib_cli.build(ib_cli.compose([*words, *WORDS])))
    assert run.evaluate("test") == pytest.approx(run.result["test"], rel=1e-6)
    assert run.represent(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), samples=3).shape == (3, 2, 8)
