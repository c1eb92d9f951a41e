"""The mirror in MLflow can be read back, goes on after an interruption, and never stops a run."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.watch.observer import RunInfo
from ib_cli.watch.trackers.mlflow import Mlflow, spelled

CONFIG = {"seed": 3, "batch_size": 50, "optimizer": {"lr": 1e-3}, "objective": {"name": "vib"}}


@pytest.fixture
def info(tmp_path: Path) -> RunInfo:
    pytest.importorskip("mlflow")
    folder = tmp_path / "study" / "ab12"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "training.png").write_bytes(b"a picture")
    return RunInfo("study", "ab12", folder, "C + 0.01 R", {}, 2, 0, CONFIG, {"gamma": 0.01})


def line(epoch: int, split: str, **measures: float) -> dict:
    return {"epoch": epoch, "step": epoch * 10, "split": split, **measures}


def test_an_interrupted_and_continued_run_is_one_run(info: RunInfo, tmp_path: Path, caplog) -> None:
    first, second = Mlflow(uri=None), Mlflow(uri=None)
    first.start(info)
    first.evaluated(line(1, "train", R=4.0))
    first.interrupt("stopped")
    second.start(info)
    second.evaluated(line(2, "test", **{"R": 2.0, "D": float("nan"), "H_model[Y|X]": 0.5}))
    second.finish({"status": "done", "epochs": 2, "test": {"accuracy": 0.9}})

    from mlflow import MlflowClient

    client = MlflowClient(f"file:{tmp_path / 'mlruns'}")
    (run,) = client.search_runs([client.get_experiment_by_name("study").experiment_id])
    assert run.info.run_name == "vib γ=0.01 seed=3" and run.info.status == "FINISHED"
    assert run.data.params == {"objective": "vib", "gamma": "0.01", "seed": "3", "batch_size": "50",
                               "optimizer.lr": "0.001"}  # fmt: skip
    assert run.data.metrics == {"train/R": 4.0, "test/R": 2.0, "test/H_model Y given X": 0.5, "test/accuracy": 0.9}
    assert [each.path for each in client.list_artifacts(run.info.run_id, "figures")] == ["figures/training.png"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_store_that_cannot_be_reached_is_told_once(info: RunInfo, caplog) -> None:
    observer = Mlflow(uri="nothing://there")
    observer.start(info)
    observer.evaluated(line(1, "train", R=4.0))
    observer.finish({"status": "done"})
    (told,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.startswith("MLflow could not start") and "\n" not in told


def test_names_are_spelled_in_mlflows_letters() -> None:
    assert spelled("train/I[X;Z] (mixture)") == "train/I X:Z mixture"
    assert spelled("test/H[Ẑ]*") == "test/H Ẑ_"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ib_cli.watch.trackers.mlflow.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ib-train\[mlflow\]'"):
        Mlflow(uri=None)
