"""Runs trained together on the device: as they would be alone, split where memory is small, a worker on each GPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ib_cli.run.run_together as together
from tests import conftest
from tests.cuda.conftest import WORD
from tests.procedures.fit.test_fit_together import assert_equal

pytestmark = pytest.mark.cuda
SMALL = tuple(word for word in conftest.SMALL if not word.startswith("device"))
STUDY = ("-m", *SMALL, f"device={WORD}")


GROUPS = {
    "multipliers": ("gamma=1e-2,1",),
    "seeds and rates": ("seed=0,1,2", "optimizer.lr=1e-3,1e-2"),
    "decoders": ("objective=beta_vae", "beta=0.5,2", "marginal=mixture_of_gaussians"),
    "norm": ("seed=0,1", "architecture.batch_norm=true", "architecture.dropout=0.2", "clip=1", "averaging=0.9"),
    "plateau": ("seed=0,1", "optimizer=sgd", "schedule=plateau", "weights=gaussian"),
    "tables": ("gamma=0.5,2", "objective=therml", "dataset=therml_toy", "architecture=therml_toy", "dataset.passes=5"),
}


@pytest.mark.parametrize("words", GROUPS.values(), ids=GROUPS)
def test_a_group_is_its_runs_one_by_one(ib_train: Callable, words: tuple[str, ...]) -> None:
    dropped = ("dataset.", "architecture.", "bottleneck.") if "dataset=therml_toy" in words else ()
    study = [word for word in STUDY if not word.startswith(dropped)]
    alone = ib_train(*study, *words, "name=alone")
    ended = ib_train(*study, *words, "name=together", "hydra/launcher=vectorized")
    assert alone.code == ended.code == 0, alone.err + ended.err
    assert "one by one" not in ended.err
    assert_equal(Path("outputs/together"), Path("outputs/alone"), 1e-3)


def test_stacked_convolutions_train_on_a_gpu(ib_train: Callable, gpu: torch.device) -> None:
    words = ("-m", "dataset.train_size=100", "dataset.test_size=50", "architecture=cnn", "epochs=1", "figures=false",
             "estimators=none", f"device={WORD}", "seed=0,1")  # fmt: skip
    assert ib_train(*words, "name=alone").code == 0
    ended = ib_train(*words, "name=together", "hydra/launcher=vectorized")
    assert ended.code == 0 and "one by one" not in ended.err
    assert_equal(Path("outputs/together"), Path("outputs/alone"), 1e-2)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the groups that are trained."""
    sizes: list[int] = []
    train = together._train
    monkeypatch.setattr(together, "_train", lambda runs, tell: (sizes.append(len(runs)), train(runs, tell))[1])
    return sizes


def test_a_group_is_split_to_fit_in_memory(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, real = counted(monkeypatch), together.bytes_of  # measured on the device, and here at least 1 MiB
    monkeypatch.setattr(together, "available", lambda device: int(2.5 * 2**20))
    monkeypatch.setattr(together, "bytes_of", lambda run: max(real(run), 2**20))
    ended = ib_train(*STUDY, "seed=range(5)", "hydra/launcher=vectorized")
    assert ended.code == 0 and sizes == [2, 2, 1]


def test_a_group_is_split_to_fit_in_the_memory_of_a_gpu(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch, gpu: torch.device
) -> None:
    sizes = counted(monkeypatch)
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    most = torch.cuda.memory_reserved() + 800 * 2**20
    torch.cuda.set_per_process_memory_fraction(most / total)
    try:
        words = [word for word in STUDY if not word.startswith("architecture.")]
        ended = ib_train(
            *words, "architecture.widths=[2048,2048]", "seed=range(12)", "epochs=1", "hydra/launcher=vectorized"
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ended.code == 0, ended.out + ended.err
    assert sum(sizes) == 12 and 1 < len(sizes) < 12, sizes  # 6 × 17 MB of parameters each, in 60 % of 800 MiB


def test_two_workers_have_a_device_each(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    if WORD == "cuda":  # the one GPU twice; a second one would be a word of its own
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0" if torch.cuda.device_count() == 1 else "0,1")
    launcher = ("hydra/launcher=local", "hydra.launcher.n_jobs=2")
    ended = ib_train(*STUDY, "seed=range(4)", "name=workers", *launcher)
    assert ended.code == 0 and "4 done" in ended.out, ended.out + ended.err
    logs = [file.read_text() for file in Path("outputs/workers").glob("*/run.log")]
    assert len(logs) == 4 and all(("'device': 'cpu" in log) == (WORD == "cpu") for log in logs)
    assert ib_train(*STUDY, "seed=range(4)", "name=here").code == 0
    assert_equal(Path("outputs/workers"), Path("outputs/here"), 1e-3)


def test_a_loss_that_is_no_number_ends_its_run_alone(ib_train: Callable) -> None:
    study = (*STUDY, "optimizer=sgd", "optimizer.lr=0.01,1e12,0.02", "epochs=3")
    for name, launcher in (("alone", "sequential"), ("together", "vectorized")):
        ended = ib_train(*study, f"name={name}", f"hydra/launcher={launcher}")
        assert ended.code == 1 and "2 done, 1 failed" in ended.out, ended.out + ended.err
        results = [json.loads(file.read_text()) for file in Path(f"outputs/{name}").glob("*/result.json")]
        (error,) = [result["error"] for result in results if result["status"] == "failed"]
        assert "in epoch 1, step " in error and "became" in error and "optimizer.lr" in error
