"""Training as a whole: it learns, averages, stops early and clips."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.normalisation import fit as identity
from ib_cli.engine.train import batches
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.fit import Fit


def test_the_default_run_learns_the_digits(experiment: Callable[..., Experiment]) -> None:
    full = (
        "dataset.train_size=null",
        "dataset.test_size=null",
        "architecture.widths=[256,256]",
        "bottleneck.size=32",
        "batch_size=100",
        "epochs=15",
    )
    finished = Fit(patience=None, watch="J").run(experiment(*full), None)
    assert finished.measures["test"]["accuracy"] >= 0.95
    assert finished.measures["test"]["H_model[Y|X]"] <= finished.measures["test"]["C"]


def test_deterministic_encoder_has_equal_cross_entropies(experiment: Callable[..., Experiment]) -> None:
    measures = (
        Fit(patience=None, watch="J").run(experiment("objective=ce", "bottleneck.size=null"), None).measures["test"]
    )
    assert measures["H_model[Y|X]"] == pytest.approx(measures["C"], abs=1e-6)
    assert "R" not in measures and measures["error_single"] == pytest.approx(measures["error"])


def test_averages_are_what_is_evaluated(experiment: Callable[..., Experiment]) -> None:
    made = experiment("averaging=0.5", "optimizer=sgd", "optimizer.momentum=0", "epochs=1", "batch_size=200")
    start = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    finished = Fit(patience=None, watch="J").run(made, None)
    for name, p in made.model.named_parameters():  # one step: the mean of where it started and where it is
        assert torch.allclose(finished.params[name], (start[name] + p.detach()) / 2, atol=1e-6)


def test_early_stopping_ends_before_the_last_epoch(experiment: Callable[..., Experiment]) -> None:
    made = experiment("dataset.validation_size=0.2", "epochs=50", "optimizer.lr=0.1", "checkpoint_every=40")
    ended = Fit(patience=2, watch="J").run(made, None)
    assert ended.epochs < 50
    assert made.records.load_checkpoint(torch.device("cpu"))["epoch"] == ended.epochs


def test_the_train_split_is_evaluated_where_asked(experiment: Callable[..., Experiment]) -> None:
    common = ("objective=decoder_uncertainty", "schedule=plateau", "epochs=3", "evaluate_every=2")
    plain, asked = (
        experiment(*common, f"evaluate_train={value}", "averaging=0.9", folder=value) for value in ("false", "true")
    )
    results = [Fit(patience=None, watch="J").run(each, None) for each in (plain, asked)]
    averages, lines = (each.records.metrics.read() for each in (plain, asked))
    assert [(line["epoch"], line["split"]) for line in lines] == [(e, s) for e in (2, 3) for s in ("train", "test")]
    for one, other in zip(*([line for line in each if line["split"] == "test"] for each in (averages, lines))):
        assert one == other  # nothing else has changed
    last = {name: value for name, value in lines[2].items() if name not in ("epoch", "step", "split", "learning_rate")}
    assert last == results[1].measures["train"] == results[0].measures["train"]
    assert last == Evaluation(asked).of(results[1].params, "train")
    assert last["C"] == pytest.approx(last["H[Y|Z]"], abs=1e-5)  # of the whole split, with its own optimal decoder
    of_batches = [line for line in averages if line["split"] == "train"]
    assert of_batches[-1]["J"] < last["J"]
    schedule = asked.records.load_checkpoint(torch.device("cpu"))["schedule"]
    assert schedule["best"] == min(line["J"] for line in of_batches)


def test_clipping_bounds_the_step(experiment: Callable[..., Experiment]) -> None:
    made = experiment(
        "optimizer=sgd", "optimizer.momentum=0", "optimizer.lr=1", "clip=0.01", "epochs=1", "batch_size=200"
    )
    start = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    Fit(patience=None, watch="J").run(made, None)
    moved = sum(((p - start[name]) ** 2).sum() for name, p in made.model.named_parameters()) ** 0.5
    assert moved.item() == pytest.approx(0.01, rel=1e-3)


def test_an_epoch_visits_every_sample_once_and_leaves_no_batch_of_one() -> None:
    def data(N: int) -> Data:
        split = Split(torch.zeros(N, 1), torch.zeros(N, dtype=torch.int64))
        return Data(Spec((1,), 2, N, None, None), {"train": split}, identity("none", split.x, None), None)

    order = batches(data(101), 25, 3, 0)
    assert [len(part) for part in order] == [25] * 4
    order = batches(data(102), 25, 3, 0)
    assert torch.equal(torch.cat(order).sort().values, torch.arange(102)) and len(order[-1]) == 2
    again, other = batches(data(102), 25, 3, 0), batches(data(102), 25, 4, 0)
    assert torch.equal(order[0], again[0]) and not torch.equal(order[0], other[0])


def test_bf16_trains_close_to_float32(experiment: Callable[..., Experiment]) -> None:
    values = [
        Fit(patience=None, watch="J")
        .run(experiment(f"precision={precision}", "epochs=5", folder=precision), None)
        .measures["train"]["J"]
        for precision in ("fp32", "bf16")
    ]
    assert values[1] == pytest.approx(values[0], rel=0.1) and values[1] != values[0]


@pytest.mark.parametrize(
    "overrides",
    [
        ("dataset=mnist", "objective=free_energy", "dataset.normalise=unit"),
        ("dataset=cifar10", "architecture=resnet18", "objective=vib", "batch_size=10"),
    ],
)
def test_real_images(experiment: Callable[..., Experiment], real_data: str, overrides: tuple[str, ...]) -> None:
    made = experiment(
        *overrides,
        f"dataset.root={real_data}",
        "dataset.download=false",
        "dataset.train_size=20",
        "dataset.test_size=10",
        "epochs=1",
        "eval_samples=2",
    )
    measures = Fit(patience=None, watch="J").run(made, None).measures
    assert all(math.isfinite(value) for split in measures.values() for value in split.values())
    expected = sum(
        term.weight(made.multipliers) * measures["test"][term.functional.symbol] for term in made.objective.terms
    )
    assert measures["test"]["J"] == pytest.approx(expected, rel=1e-6)
