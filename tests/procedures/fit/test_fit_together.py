"""Runs trained together are the runs that they would be on their own."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from ib_cli.study.stackable import apart, grouped
from tests.conftest import SMALL, Ended
from tests.families import family
from tests.processes import Forked, signal_at

CASES = {
    "everything that has a state": (
        "architecture.batch_norm=true", "architecture.dropout=0.2", "averaging=0.9", "schedule=plateau",
        "schedule.patience=0", "dataset.crop=1", "clip=1", "samples=2", "gamma=1e-3,1", "seed=0,1",
        "estimators.use=[mixture,kraskov]",
    ),
    "momentum, rates and decays": (
        "optimizer=sgd", "optimizer.momentum=0.9", "optimizer.lr=0.01,0.1", "optimizer.weight_decay=0,0.01",
    ),
    "decay apart from the gradient": (
        "optimizer=adamw", "optimizer.lr=0.001,0.01", "optimizer.weight_decay=0,0.1", "schedule=cosine",
        "schedule.warmup=1",
    ),
    "a decoder and a mixture": ("objective=free_energy", "gamma=1,2", "marginal=mixture_of_gaussians"),
    "pseudo-inputs": ("marginal=vampprior", "gamma=1e-2,1e-1", "optimizer.lr=1e-3,1e-2"),
    "a backward encoder in 16 bits": ("objective=ceb", "gamma=1e-2,1e-1", "precision=bf16"),
    "a discrete z and its optimal decoder": ("objective=dib", "beta=0.1,1"),
    "the optimal decoder of the split": (
        "objective=decoder_ce", "classifier=optimal", "classifier.trained=split", "optimizer.lr=1e-3,1e-2",
    ),
    "variances of a window of small batches": (
        "objective=surrogate_logvar_window", "window.batches=2,20", "batch_size=12", "seed=0,1",
    ),
    "evaluations of the train split": (
        "evaluate_train=true", "evaluate_every=2", "epochs=5", "objective=decoder_uncertainty", "seed=0,1",
        "schedule=plateau", "schedule.patience=0",
    ),
    "masks of Monte-Carlo dropout": ("objective=ce", "bottleneck=dropout", "bottleneck.dropout=0.2,0.6", "samples=2"),
    "masks in the layers": (
        "objective=ce", "bottleneck=zero_entropy_noise", "architecture.dropout=0.2,0.6", "samples=2", "seed=0,1",
        "architecture.batch_norm=true", "architecture.widths=[16,16]", "architecture.monte_carlo=true",
    ),
    "early stopping": (
        "dataset.validation_size=0.2", "procedure.patience=1", "procedure.watch=C", "epochs=8",
        "optimizer.lr=1e-3,0.3", "seed=0,1",
    ),
}  # fmt: skip


def lines(study: Path) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each run of a study."""
    return {
        file.parent.name: [json.loads(line) for line in file.read_text().splitlines()]
        for file in study.glob("*/metrics.jsonl")
    }


def assert_equal(found: Path, expected: Path, tolerance: float = 1e-4) -> None:
    """The same runs, with the same numbers; a share of the samples may turn on a rounding error."""
    found, expected = lines(found), lines(expected)
    assert found.keys() == expected.keys()
    for run, rows in expected.items():
        assert [(row["epoch"], row["split"]) for row in found[run]] == [(row["epoch"], row["split"]) for row in rows]
        for row, mine in zip(rows, found[run]):
            for name in row.keys() - {"split"}:
                slack = 0.02 if name in ("accuracy", "error", "error_single") else tolerance
                assert mine[name] == pytest.approx(row[name], rel=slack, abs=slack), (run, name)


@pytest.mark.parametrize("case", family(CASES, quick=["everything that has a state", "early stopping"]))
def test_a_point_equals_its_solo_run(ib_train: Callable, case: tuple[str, ...]) -> None:
    alone = ib_train("-m", *SMALL, *case, "name=alone")
    together = ib_train("-m", *SMALL, *case, "name=together", "hydra/launcher=vectorized")
    assert alone.code == together.code == 0, together.out + together.err
    assert "one by one" not in together.err
    assert_equal(Path("outputs/together"), Path("outputs/alone"))


def test_checkpoints_are_those_of_solo_runs(ib_train: Callable) -> None:
    study = ("-m", *SMALL, "gamma=1e-2,1", "averaging=0.9", "optimizer.lr=1e-3,1e-2")
    ib_train(*study, "name=alone")
    ib_train(*study, "name=together", "hydra/launcher=vectorized")
    for file in Path("outputs/alone").glob("*/checkpoint.pt"):
        mine = Path("outputs/together") / file.parent.name / "checkpoint.pt"
        assert mine.stat().st_size == pytest.approx(file.stat().st_size, rel=0.05)  # not the whole stack
        a, b = (torch.load(each, weights_only=True) for each in (file, mine))
        assert a.keys() == b.keys() and a["step"] == b["step"]
        for part in ("params", "averaged"):
            for name, value in a[part].items():
                assert torch.allclose(b[part][name], value, atol=1e-5), name
        for index, state in a["optimizer"]["state"].items():
            for key, value in state.items():
                assert torch.allclose(b["optimizer"]["state"][index][key], value, atol=1e-5), key


def test_a_run_that_diverges_leaves_the_others(ib_train: Callable) -> None:
    study = ("-m", *SMALL, "optimizer=sgd", "optimizer.lr=0.01,1e12,0.02", "epochs=3")
    ib_train(*study, "name=alone")
    ended = ib_train(*study, "name=together", "hydra/launcher=vectorized")
    assert ended.code == 1 and "2 done, 1 failed" in ended.out and "in epoch 1" in ended.out
    results = {
        name: {file.parent.name: json.loads(file.read_text()) for file in Path(f"outputs/{name}").glob("*/result.json")}
        for name in ("alone", "together")
    }
    assert {i: r.get("error") for i, r in results["alone"].items()} == {
        i: r.get("error") for i, r in results["together"].items()
    }
    assert_equal(Path("outputs/together"), Path("outputs/alone"))


def test_what_cannot_be_stacked_runs_alone_and_says_so(ib_train: Callable) -> None:
    ended = ib_train("-m", *SMALL, "epochs=1", "architecture.widths=[8],[16]", "seed=0,1", "hydra/launcher=vectorized")
    assert ended.code == 0 and "4 done" in ended.out and "one by one" not in ended.err  # two groups of two
    ended = ib_train("-m", *SMALL, "epochs=1", "architecture.widths=[8],[12],[16]", "hydra/launcher=vectorized")
    assert ended.code == 0
    assert "3 of 3 jobs run one by one: they differ in architecture.widths" in ended.err
    ended = ib_train(
        "-m", *SMALL[:2], "epochs=1", "batch_size=50", "figures=false", "device=cpu", "architecture=cnn",
        "seed=0,1", "hydra/launcher=vectorized",
    )  # fmt: skip
    assert "2 of 2 jobs run one by one: stacked convolutions" in ended.err and "2 done" in ended.out


def test_a_group_is_split_to_fit_and_a_run_that_is_too_large_is_told(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ib_cli.run.run_together as module

    study = ("-m", *SMALL, "epochs=1", "seed=range(5)", "hydra/launcher=vectorized")
    sizes: list[int] = []
    train = module._train
    monkeypatch.setattr(module, "_train", lambda runs, tell: (sizes.append(len(runs)), train(runs, tell))[1])
    assert ib_train(*study, "hydra.launcher.max_points=2", "name=split").code == 0
    assert sizes == [2, 2, 1]
    monkeypatch.setattr(module, "bytes_of", lambda experiment: 2**30)
    monkeypatch.setattr(module, "available", lambda device: 3 * 2**30)
    sizes.clear()
    assert ib_train(*study, "name=fits").code == 0
    assert sizes == [3, 2]
    monkeypatch.setattr(module, "available", lambda device: 2**29)
    ended = ib_train(*study, "name=large")
    assert ended.code == 2 and "takes about 1,024 MiB and 512 MiB can be used" in ended.out


def test_configs_are_grouped_by_what_they_have_in_common() -> None:
    def config(gamma: float, width: int, dropout: float) -> dict[str, Any]:
        return {"gamma": gamma, "seed": gamma, "architecture": {"widths": [width], "dropout": dropout}}

    configs = {1: config(1, 8, 0.1), 2: config(2, 9, 0.1), 5: config(3, 8, 0.2), 7: config(1, 8, 0.0)}
    assert grouped(configs) == [[1, 5], [2], [7]]
    assert apart(configs) == ["architecture.widths", "architecture.dropout"]


@pytest.mark.parametrize(
    ("number", "launcher"),
    [(signal.SIGKILL, "vectorized"), pytest.param(signal.SIGINT, "sequential", marks=pytest.mark.slow)],
)
def test_an_interrupted_group_goes_on_together_or_one_by_one(
    ib_train: Callable[..., Ended], tmp_path: Path, number: signal.Signals, launcher: str
) -> None:
    study = ("-m", *SMALL, "batch_size=20", "epochs=3", "seed=range(3)")  # 10 steps an epoch
    assert ib_train(*study, "hydra/launcher=vectorized", "output=whole/outputs").code == 0
    process = Forked(tmp_path / "stopped", *study, "hydra/launcher=vectorized", before=partial(signal_at, 16, number))
    code, output = process.end()
    assert code == (130 if number == signal.SIGINT else -number), output
    stopped, whole = tmp_path / "stopped/outputs/runs", tmp_path / "whole/outputs/runs"
    assert len(list(stopped.glob("*/checkpoint.pt"))) == 3 and not list(stopped.glob("*/result.json"))
    if number == signal.SIGINT:
        assert "3 stopped" in output
    assert ib_train(*study, f"hydra/launcher={launcher}", "output=stopped/outputs").code == 0
    assert_equal(stopped, whole)
    if launcher == "vectorized":
        assert lines(stopped) == lines(whole)  # to the last bit
