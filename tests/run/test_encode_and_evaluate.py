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
            (encode.main, ["RUN", "gamma=1"], "gamma=1: would be another run"),
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
            (encode.main, ["RUN", "data=my.npz"], "data=my.npz: is a flag of ib-encode: --data my.npz"),
            (encode.main, ["RUN", "samples=3"], "samples=3: is a flag of ib-encode: --samples 3"),
            (evaluate.main, ["RUN", "split=train"], "split=train: is a flag of ib-evaluate: --split train"),
            (evaluate.main, ["RUN", "--device", "cpu"], "--device: is no flag, but a key: device=cpu"),
            (evaluate.main, ["RUN", "device_=cpu"], "did you mean device?"),
            (evaluate.main, ["RUN", "estimators=kraskov"], "told by estimators.use: 'estimators.use=[kraskov]'"),
            (evaluate.main, ["RUN", "estimators=[gaussian,copula]"], "'estimators.use=[gaussian,copula]'"),
            (evaluate.main, ["RUN", "estimators=information_plane"], "'estimators.use=[mixture,kraskov]'"),
            (evaluate.main, ["RUN", "estimators.nothing=1"], "estimators.nothing: this run's config has no such key"),
            (evaluate.main, ["RUN", "estimators.k=,,"], "estimators.k=,,: must be key=value"),
            (encode.main, ["RUN", "dataset.path=${}"], "dataset.path=${}: must be key=value"),
            (encode.main, ["RUN", ""], "'': is no folder and no key=value"),
            (evaluate.main, ["x" * 5000], "no such folder"),
            (encode.main, ["RUN", "--data", "flat.npz"], "flat.npz: "),
        ],
        every=2,
    ),
)
def test_what_is_wrong_is_one_line(
    run: Run, capsys: pytest.CaptureFixture, command: Callable[[list[str]], None], words: list[str], told: str
) -> None:
    np.savez("blind.npz", x=np.zeros((2, 8, 8)))
    np.savez("flat.npz", x=np.zeros(7))
    with pytest.raises(SystemExit) as end:
        command([word.replace("RUN", str(run.folder)) for word in words])
    error = capsys.readouterr().err
    assert end.value.code == 2 and told in error and error.count("\n") == 1


def test_a_file_that_nobody_named_is_not_replaced(run: Run, capsys: pytest.CaptureFixture) -> None:
    encode.main([str(run.folder)])
    first = Path("z.npz").read_bytes()
    with pytest.raises(SystemExit) as end:
        encode.main([str(run.folder), "--split", "train"])
    assert end.value.code == 2 and "z.npz: is there already: name a file with --output" in capsys.readouterr().err
    assert Path("z.npz").read_bytes() == first
    encode.main([str(run.folder), "--split", "train", "--output", "z.npz"])
    assert "(in place of an older file)" in capsys.readouterr().out and Path("z.npz").read_bytes() != first
    for told in ("1 row\n", "1 row (in place of an older file)\n"):
        evaluate.main([str(run.folder), "--output", "rows.csv"])
        assert capsys.readouterr().out.endswith(told)


def test_an_error_that_nobody_foresaw_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fails(*given: object, **more: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("ib_cli.run.encode.chosen_split", fails)
    with pytest.raises(SystemExit) as end:
        encode.main([str(run.folder)])
    assert end.value.code == 1
    assert capsys.readouterr().err == "ib-encode: KeyError: 'x' (HYDRA_FULL_ERROR=1 shows where)\n"
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(KeyError):
        encode.main([str(run.folder)])
