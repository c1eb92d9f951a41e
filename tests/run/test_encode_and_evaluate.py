"""ib-encode and ib-evaluate: what they write and show, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ib_cli
from ib_cli.run import encode, evaluate
from ib_cli.run.loaded_run import Run
from tests.conftest import SMALL
from tests.families import family


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, "estimators=none"])))


def test_encode_writes_z(run: Run, capsys: pytest.CaptureFixture) -> None:
    encode.main([str(run.folder), "--samples", "2"])
    found = np.load("z.npz")
    assert found["z"].shape == (2, 100, 4) and (found["y"] == run.data.splits["test"].y.numpy()).all()
    assert "z.npz: z (2, 100, 4)" in capsys.readouterr().out
    np.savez("own.npz", x=run.data.splits["test"].x[:7].numpy())
    encode.main([str(run.folder), "--data", "own.npz", "--output", "own_z.npz", "device=cpu"])
    own = np.load("own_z.npz")
    np.testing.assert_allclose(own["mean"], found["mean"][:7], rtol=1e-5)
    assert "y" not in own.files


def test_evaluate_repeats_the_runs_measures_and_leaves_it_alone(run: Run, capsys: pytest.CaptureFixture) -> None:
    before = {file: file.read_bytes() for file in run.folder.rglob("*") if file.is_file()}
    evaluate.main([str(run.folder), "--output", "rows.csv"])
    (row,) = pd.read_csv("rows.csv").to_dict("records")
    assert row["R"] == pytest.approx(run.result["test"]["R"]) and row["gamma"] == run.config["gamma"]
    assert "accuracy" in capsys.readouterr().out
    assert before == {file: file.read_bytes() for file in run.folder.rglob("*") if file.is_file()}


def test_evaluate_a_study_by_another_estimator(run: Run, capsys: pytest.CaptureFixture) -> None:
    evaluate.main([str(run.folder.parent), "estimators.use=[gaussian]", "--output", "rows.jsonl", "--split", "train"])
    (row,) = pd.read_json("rows.jsonl", lines=True).to_dict("records")
    assert row["gaussian/I[X;Z]"] > 0 and row["split"] == "train"
    assert "gaussian" in capsys.readouterr().out


def test_a_study_without_a_finished_run_is_one_line(run: Run, capsys: pytest.CaptureFixture) -> None:
    (run.folder / "result.json").unlink()
    with pytest.raises(SystemExit) as end:
        encode.main([str(run.folder.parent)])
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.count("\n") == 1 and "finish it first" in error


@pytest.mark.parametrize(
    ("command", "words", "told"),
    family(
        [
            (encode.main, ["nowhere"], "no such folder"),
            (encode.main, ["."], "holds no run"),
            (encode.main, ["RUN", "gamma=1"], "gamma: would be another run"),
            (encode.main, ["RUN", "--split", "validation"], "the data have train, test"),
            (encode.main, ["RUN", "--data", "no.npz"], "--data no.npz: No such file"),
            (encode.main, ["RUN", "--data", "z.npz", "--split", "test"], "--split: is of the run's data"),
            (encode.main, ["RUN", "--output", "z.csv"], "must end in .npz"),
            (encode.main, ["RUN", "--samples", "0"], "at least 1"),
            (evaluate.main, ["eval_samples=3"], "name a run's folder"),
            (evaluate.main, ["RUN", "device=gpu"], "device=gpu: must be auto, cpu or cuda"),
            (evaluate.main, ["RUN", "eval_samples=1,2"], "must be one value"),
            (evaluate.main, ["RUN", "eval_samples=0"], "eval_samples=0: must be"),
            (evaluate.main, ["RUN", "--output", "rows.xlsx"], "must end in .csv, .jsonl, .parquet"),
            (evaluate.main, ["RUN", "--data", "blind.npz"], "must hold an array y as well"),
            (evaluate.main, ["RUN", "--frobnicate"], "ib-evaluate --help lists"),
        ],
        every=2,
    ),
)
def test_what_is_wrong_is_one_line(
    run: Run, capsys: pytest.CaptureFixture, command: Callable[[list[str]], None], words: list[str], told: str
) -> None:
    np.savez("blind.npz", x=np.zeros((2, 8, 8)))
    with pytest.raises(SystemExit) as end:
        command([word.replace("RUN", str(run.folder)) for word in words])
    error = capsys.readouterr().err
    assert end.value.code == 2 and told in error and error.count("\n") == 1
