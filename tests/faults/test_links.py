"""Links, pipes and folders laid into a prepared folder: nothing is written through them, and one line says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.contracts.errors import DamagedError, RunFailedError
from ib_cli.experiment.damage import FILES, FOLDERS
from ib_cli.experiment.records import Records
from ib_cli.report.main import main as report
from ib_cli.run.log_file import log_file
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.system.atomic import replacing, write_atomically
from ib_cli.system.folder_lock import FolderLock
from ib_cli.system.json_lines import JsonLines
from tests.conftest import SMALL

OURS = "what others keep here"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text(OURS)
    return folder


def untouched(outside: Path) -> bool:
    return [each.name for each in outside.iterdir()] == ["file"] and (outside / "file").read_text() == OURS


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_run_follows_no_link_within_its_folder(tmp_path: Path, outside: Path, name: str) -> None:
    records = Records(tmp_path / "run")
    records.folder.mkdir()
    (records.folder / name).symlink_to(outside if name in FOLDERS else outside / "file")
    with pytest.raises(DamagedError, match="is a link, and links within a run's folder are not followed") as told:
        records.open("a: 1")
    assert "\n" not in str(told.value) and untouched(outside)
    (records.folder / name).unlink()
    records.open("a: 1")
    records.close()


@pytest.mark.parametrize("name", FILES)
def test_a_part_that_was_laid_there_is_not_written_through(tmp_path: Path, outside: Path, name: str) -> None:
    file, part = tmp_path / name, tmp_path / f".{name}.part"
    for lay in (lambda: part.symlink_to(outside / "file"), lambda: part.hardlink_to(outside / "file"),
                lambda: os.mkfifo(part), lambda: part.symlink_to(outside / "new")):  # fmt: skip
        for write in (lambda: write_atomically(file, "mine"), lambda: _replace(file, "mine")):
            lay()
            write()
            assert file.read_text() == "mine" and not file.is_symlink() and untouched(outside)
            assert not os.path.lexists(part)
    part.mkdir()
    with pytest.raises(RunFailedError, match="cannot write"):
        write_atomically(file, "mine")


def _replace(file: Path, content: str) -> None:
    with replacing(file) as part:
        part.write_text(content)


def test_the_copy_kept_beside_a_checkpoint_is_no_link(tmp_path: Path, outside: Path) -> None:
    file, previous = tmp_path / "checkpoint.pt", tmp_path / "checkpoint.previous.pt"
    file.symlink_to(outside / "file")
    previous.symlink_to(outside / "file")
    (tmp_path / ".checkpoint.previous.pt.part").symlink_to(outside / "file")
    write_atomically(file, "new", previous)
    assert untouched(outside) and not file.is_symlink() and file.read_text() == "new"


def _log(file: Path) -> None:
    with log_file(file.parent):
        pass


WRITERS = {
    ".lock": lambda file: FolderLock(file.parent).take(),
    "metrics.jsonl": lambda file: JsonLines(file).append({"epoch": 1}),
    "run.log": _log,
    "study.log": lambda file: StudyLog(file, "3fa2").write("one"),
}


@pytest.mark.parametrize("lay", ["link", "link to nothing", "hard link", "pipe", "folder"])
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_appended_to_is_a_file_of_its_own(
    tmp_path: Path, outside: Path, capsys: pytest.CaptureFixture, name: str, lay: str
) -> None:
    file = tmp_path / "run" / name
    file.parent.mkdir()
    {
        "link": lambda: file.symlink_to(outside / "file"),
        "link to nothing": lambda: file.symlink_to(outside / "new"),
        "hard link": lambda: file.hardlink_to(outside / "file"),
        "pipe": lambda: os.mkfifo(file),
        "folder": file.mkdir,
    }[lay]()
    if name == "study.log":  # tells it, and the study goes on
        WRITERS[name](file)
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and told.startswith(f"ib-train: cannot write {file} (")
    else:
        with pytest.raises((OSError, RunFailedError)):
            WRITERS[name](file)
    assert untouched(outside)


def test_a_lock_that_is_a_link_is_not_read(tmp_path: Path, outside: Path) -> None:
    (tmp_path / ".lock").symlink_to(outside / "file")
    assert FolderLock(tmp_path).holder() == ""


def test_old_jobs_are_deleted_in_the_studys_folder_only(tmp_path: Path, outside: Path) -> None:
    (outside / "file").unlink()
    (outside / "work").mkdir()
    (outside / "work" / "file").write_text(OURS)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / ".jobs").symlink_to(outside)
    with pytest.raises(OSError, match="it is a link"):
        Jobs(tmp_path / "study" / ".jobs" / "3fa2").claim()
    (tmp_path / "study" / ".jobs").unlink()
    (tmp_path / "study" / ".jobs").mkdir()
    (tmp_path / "study" / ".jobs" / "old").symlink_to(outside / "work")
    jobs = Jobs(tmp_path / "study" / ".jobs" / "3fa2")
    jobs.claim()
    jobs.write(0, Outcome("done"))
    jobs.remove()
    assert [each.name for each in (outside / "work").iterdir()] == ["file"]


def test_links_above_a_runs_folder_are_a_persons_own(ib_train: Callable, tmp_path: Path, outside: Path) -> None:
    for link in ("outputs", "there/runs", "there/runs_2"):
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / link).symlink_to(outside)
    once = (*SMALL, "epochs=1")
    assert ib_train(*once).code == 0
    (run,) = outside.glob("runs/*")
    assert (run / "result.json").is_file()
    assert ib_train(*once, "output=there").out.splitlines()[-1].count("there/runs") == 1
    moved = outside / "moved"  # one run on another disk
    shutil.move(run, moved)
    run.symlink_to(moved)
    ended = ib_train(*once, "rerun=true")
    assert ended.code == 0 and (run / "result.json").is_file() and run.is_symlink()


def test_a_multirun_in_a_prepared_folder(ib_train: Callable, tmp_path: Path, outside: Path) -> None:
    study = tmp_path / "outputs" / "runs"
    study.mkdir(parents=True)
    for name in ("study.log", ".multirun.yaml.part", "multirun.yaml"):
        (study / name).symlink_to(outside / "file")
    ended = ib_train("-m", *SMALL, "epochs=1", "seed=0")
    assert ended.code == 0 and "study.log (it is a link" in ended.err and untouched(outside)
    (study / ".jobs").symlink_to(outside)
    ended = ib_train("-m", *SMALL, "epochs=1", "seed=0")
    assert ended.code == 2 and ended.err.count("\n") == 1 and ".jobs (it is a link" in ended.err
    assert untouched(outside)


def test_a_report_draws_into_no_link(ib_train: Callable, tmp_path: Path, outside: Path, capsys: Callable) -> None:
    assert ib_train(*SMALL, "epochs=1").code == 0
    (outside / "file").rename(outside / "measures.png")  # a report deletes the figures of an earlier one
    for name in (".results.csv.part", "results.csv", "report.html", ".report.html.part"):
        (tmp_path / "outputs" / name).symlink_to(outside / "measures.png")
    (tmp_path / "outputs" / "figures").symlink_to(outside)
    with pytest.raises(SystemExit) as end:
        report([str(tmp_path / "outputs")])
    told = capsys.readouterr().err
    assert end.value.code == 2 and told.count("\n") == 1 and "figures (it is a link" in told
    assert [(each.name, each.read_text()) for each in outside.iterdir()] == [("measures.png", OURS)]
