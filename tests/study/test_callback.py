"""Hydra's callback of a multirun: what it leaves to the end of the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ib_cli.contracts.errors import OutputError
from ib_cli.study.callback import Study, studies
from ib_cli.study.job_outcomes import TOKEN
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_screen import StudyScreen


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    yield (study := Study())
    studies.remove(study)


@pytest.mark.parametrize("error", [OutputError("standard output", OSError("full")), BrokenPipeError()])
def test_output_that_cannot_be_written_is_told_once(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, recwarn: pytest.WarningsRecorder
) -> None:
    def fails(*args: object) -> None:
        raise error

    study.screen = StudyScreen("runs", StudyLog(tmp_path / "study.log", "3fa2"))
    study._thread = type("Watcher", (), {"join": staticmethod(lambda: None)})()
    monkeypatch.setattr(study.screen, "update", fails)
    monkeypatch.setattr(study.screen, "table", fails)
    study.on_multirun_end(OmegaConf.create({}))  # Hydra would warn of an error here, and ib-train tell it again
    with pytest.raises(type(error)):
        study.end()


def test_a_study_whose_log_is_a_pipe_goes_on_without_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    os.mkfifo(tmp_path / "study.log")
    log = StudyLog(tmp_path / "study.log", "3fa2")
    log.write("one")
    log.write("two")
    assert capsys.readouterr().err == f"ib-train: cannot write {tmp_path}/study.log (it is no file)\n"


def test_a_stop_before_there_is_a_screen_shows_no_table(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ib_cli.study.callback.StudyLog", stopped)
    with pytest.raises(KeyboardInterrupt):
        study.on_multirun_start(multirun(tmp_path))
    assert study.jobs is None and not study.begun


def multirun(folder: Path) -> DictConfig:
    hydra = {"sweep": {"dir": str(folder)}, "job": {"env_set": {TOKEN: "3fa2"}}}
    return OmegaConf.create({"name": "runs", "hydra": hydra})
