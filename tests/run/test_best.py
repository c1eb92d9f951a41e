"""best.pt: the parameters of the best evaluation of the validation split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ib_cli
from ib_cli.contracts.errors import ConfigError, DamagedError
from tests.conftest import SMALL

WORDS = (*SMALL, "dataset.validation_size=0.2", "epochs=8", "optimizer.lr=0.3")  # it jumps about: the end is not best


def folders() -> list[Path]:
    return sorted(file.parent for file in Path("outputs").glob("*/*/result.json"))


def lines(folder: Path) -> list[dict]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if line["split"] == "validation"]


@pytest.mark.parametrize("watch", ["J", "accuracy"])
def test_it_is_the_best_evaluation_of_the_validation_split(ib_train, watch: str) -> None:
    ended = ib_train(*WORDS, f"procedure.watch={watch}")
    assert ended.code == 0, ended.err
    (folder,) = folders()
    best = (max if watch == "accuracy" else min)(lines(folder), key=lambda line: line[watch])
    about = {"epoch": best["epoch"], "split": "validation", "watch": watch, "value": best[watch]}
    assert json.loads((folder / "result.json").read_text())["best"] == about
    assert f"epoch {best['epoch']}: validation {watch} " in ended.out
    found = ib_cli.load_run(folder, best=True).evaluate("validation")
    assert found[watch] == pytest.approx(best[watch], rel=1e-6)
    if best["epoch"] < 8:
        assert ib_cli.load_run(folder).evaluate("validation")["J"] != pytest.approx(found["J"], rel=1e-6)
    state = torch.load(folder / "best.pt", weights_only=True)
    assert state["epoch"] == best["epoch"] and set(state["params"]) and state["run"] == folder.name


def test_it_keeps_the_numbers_and_the_id(ib_train) -> None:
    assert ib_train(*WORDS).code == 0
    (folder,) = folders()
    with_it = json.loads((folder / "result.json").read_text())
    assert "done before" in ib_train(*WORDS, "keep_best=false").out
    assert ib_train(*WORDS, "keep_best=false", "rerun=true").code == 0
    without = json.loads((folder / "result.json").read_text())
    assert not (folder / "best.pt").exists() and "best" not in without
    assert (with_it["train"], with_it["test"]) == (without["train"], without["test"])


def test_without_a_validation_split_there_is_none(ib_train) -> None:
    assert ib_train(*SMALL).code == 0
    (folder,) = folders()
    assert not (folder / "best.pt").exists()
    with pytest.raises(ConfigError, match=r"has no best\.pt: dataset\.validation_size makes the split"):
        _ = ib_cli.load_run(folder, best=True).model


@pytest.mark.slow
def test_runs_trained_together_have_the_same_best(ib_train) -> None:
    assert ib_train("-m", *WORDS, "seed=0,1", "hydra/launcher=vectorized").code == 0
    together = [json.loads((folder / "result.json").read_text())["best"] for folder in folders()]
    models = [torch.load(folder / "best.pt", weights_only=True)["params"] for folder in folders()]
    assert ib_train("-m", *WORDS, "seed=0,1", "rerun=true").code == 0
    alone = [json.loads((folder / "result.json").read_text())["best"] for folder in folders()]
    for one, other, params, folder in zip(together, alone, models, folders()):
        assert one["epoch"] == other["epoch"] and one["value"] == pytest.approx(other["value"], rel=1e-4)
        own = torch.load(folder / "best.pt", weights_only=True)["params"]
        for name, value in own.items():
            torch.testing.assert_close(params[name], value, rtol=1e-3, atol=1e-4)


def test_a_damaged_one_is_told(ib_train) -> None:
    assert ib_train(*WORDS).code == 0
    (folder,) = folders()
    content = bytearray((folder / "best.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "best.pt").write_bytes(content)
    with pytest.raises(DamagedError, match=r"best\.pt"):
        _ = ib_cli.load_run(folder, best=True).model
