"""Runs in every state that a kill or a person may leave them in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader, read_run
from ib_cli.report.write import write_tables
from tests.families import family
from tests.report.synthetic import write_run


def test_finds_runs_below_any_folder_once(study: Path) -> None:
    assert len(Reader().read([study])) == 15
    assert len(Reader().read([study.parent, study, study / "vib000s0"])) == 15
    assert len(Reader().read([study / "vib000s0"])) == 1


def test_a_run_as_it_was_recorded(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "study" / "run", multiplier=1e-2, seed=4, epochs=3))
    assert (run.id, run.study, run.status, run.epochs, run.problem) == ("run", "synthetic", "done", 3, "")
    assert run.multipliers == {"gamma": 0.01}
    assert run.config["bottleneck.size"] == 32
    assert run.metrics["epoch"].tolist() == [1, 1, 2, 2, 3, 3]
    assert run.splits.tolist() == ["train", "test"] * 3


def test_a_line_cut_by_a_kill_is_counted(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", epochs=3, status="unfinished")
    file = folder / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-25])
    run = read_run(folder)
    assert (run.unread, run.status, len(run.splits)) == (1, "unfinished", 5)
    assert run.problem == "at epoch 3 of 3"


def test_a_value_that_was_not_finite_is_nan(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", epochs=1)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 2, "step": 30, "split": "train", "R": None, "extra": "words"}) + "\n")
    run = read_run(folder)
    assert np.isnan(run.metrics["R"][-1])
    assert "extra" not in run.metrics  # a remark


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", status="failed"))
    assert (run.status, run.problem) == ("failed", "C became nan in epoch 3")


def test_broken_files_are_problems_and_no_crash(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "result.json").write_text('{"status": "do')
    (folder / "config.yaml").write_text("a: [")
    run = read_run(folder)
    assert run.status == "damaged"
    assert "result.json is no JSON" in run.problem
    assert "config.yaml is no YAML" in run.problem


def test_what_is_no_run_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: {port: 80}")
    assert read_run(tmp_path) is None
    assert Reader().read([tmp_path]) == []


def test_only_changed_runs_are_read_again(study: Path) -> None:
    reader = Reader()
    before = reader.read([study])
    state = reader.state
    assert all(a is b for a, b in zip(before, reader.read([study])))
    assert reader.state == state
    with (study / "vib000s0" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 6, "step": 90, "split": "test", "R": 1.0}\n')
    after = reader.read([study])
    assert reader.state != state
    assert [a is b for a, b in zip(before, after)] == [False] + [True] * 14


@pytest.mark.parametrize(
    "change",
    family([
        {"multipliers": [1]}, {"epochs": float("nan")}, {"seconds": "x"}, {"seed": {}}, {"objective": 3},
        {"lagrangian": []}, {"test": {"R": 10**400}}, {"test": [1]}, {"status": 7}, {"error": 1},
    ], every=3),
    ids=str,
)  # fmt: skip
def test_a_damaged_value_leaves_the_other_runs_alone(study: Path, tmp_path: Path, change: dict) -> None:
    file = next(study.glob("*/result.json"))
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    runs = Reader().read([study])
    made = contents(runs)
    write_tables(made, tmp_path)
    assert len(runs) == 15
    (damaged,) = [run for run in runs if run.folder == file.parent]
    assert damaged.problem


def test_configs_that_name_themselves_are_damaged(study: Path) -> None:
    file = next(study.glob("*/config.yaml"))
    file.write_text("a: &a [*a]\nobjective: {name: vib}\n")
    (damaged,) = [run for run in Reader().read([study]) if run.folder == file.parent]
    assert (damaged.status, damaged.problem) == ("damaged", "config.yaml is nested too deeply")
