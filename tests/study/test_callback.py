"""Hydra's callback of a multirun: what it leaves to the end of the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ib_cli.contracts.errors import OutputError
from ib_cli.study.callback import Study, studies
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
