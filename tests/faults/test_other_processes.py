"""Other processes at the same runs, studies and reports: stopped, killed, asking, or writing at the same moment."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.read import runs
from ib_cli.report.read.runs import Reader
from ib_cli.study import job_outcomes
from ib_cli.study.job_outcomes import Jobs
from ib_cli.system import atomic, folder_lock, kept_arrays
from ib_cli.system.atomic import replacing
from ib_cli.system.folder_lock import FolderLock, at_this_run
from tests.conftest import SMALL
from tests.processes import Forked, signal_at

STOPPED = 60.0  # seconds within which a process must stop itself


def stop_at_the_fifth_step() -> None:
    signal_at(5, signal.SIGSTOP)


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[Forked, str]]:
    """A run of `SMALL` whose process has stopped itself in its second epoch, and what the lock says of it."""
    process = Forked(tmp_path, *SMALL, before=stop_at_the_fifth_step)
    deadline = time.monotonic() + STOPPED
    while time.monotonic() < deadline:
        for lock in tmp_path.glob("outputs/runs/*/.lock"):
            holder = FolderLock(lock.parent).holder()
            match = re.match(r"process (\d+) on ", holder)
            if match and Path(f"/proc/{match[1]}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                yield process, holder
                if process.alive():
                    process.kill_group()
                process.end()
                return
        time.sleep(0.02)
    process.kill_group()
    raise AssertionError(f"it did not stop: {process.end()}")


def test_a_stopped_process_keeps_its_run_and_goes_on(
    ib_train: Callable, tmp_path: Path, stopped: tuple[Forked, str]
) -> None:
    process, holder = stopped
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    assert re.fullmatch(rf"process \d+ on {socket.gethostname()} since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d", holder)
    single = ib_train(*SMALL)
    assert single.code == 2 and single.err.count("\n") == 1
    assert f"output: {at_this_run(holder)} (" in single.err and "wait for it" in single.err
    several = ib_train("-m", *SMALL, "seed=0,1", "wait=0.3")
    assert several.code == 1 and "1 done, 1 busy" in several.out, several.out + several.err
    told = [line for line in several.err.splitlines() if at_this_run(holder) in line]
    assert [line.split(" for ")[0] for line in told] == [
        "ib-train: waiting,",
        "ib-train: gave up after 0.3 s (wait=0.3)",
    ]
    assert {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()} == before
    os.kill(int(holder.split()[1]), signal.SIGCONT)
    assert process.end()[0] == 0 and json.loads((run / "result.json").read_text())["status"] == "done"
    again = ib_train("-m", *SMALL, "seed=0,1")
    assert again.code == 0 and "2 skipped" in again.out


def test_a_run_whose_process_was_stopped_and_then_killed_goes_on_at_once(
    ib_train: Callable, tmp_path: Path, stopped: tuple[Forked, str]
) -> None:
    process, holder = stopped
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    process.kill_group()
    assert process.end()[0] == -signal.SIGKILL
    assert (run / ".lock").read_text().strip() == holder and FolderLock(run).holder() == ""
    ended = ib_train("-m", *SMALL, "seed=0", "wait=0")
    assert ended.code == 0 and "1 done" in ended.out, ended.out + ended.err
    epochs = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert sorted(epochs) == epochs and set(epochs) == {1, 2}


def test_the_lock_of_a_process_of_the_same_number_on_another_host_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = FolderLock(tmp_path), FolderLock(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert theirs.take()
    monkeypatch.undo()
    assert ours.holder().startswith(f"process {os.getpid()} on elsewhere since ") and not ours.take()
    theirs.release()
    assert ours.take() and ours.holder().startswith(f"process {os.getpid()} on {socket.gethostname()} since ")


def test_who_only_asks_does_not_hold_a_lock(tmp_path: Path) -> None:
    lock, other = FolderLock(tmp_path), FolderLock(tmp_path)
    lock.file.touch()
    with lock.file.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        threading.Timer(0.2, lambda: fcntl.flock(asking, fcntl.LOCK_UN)).start()
        assert lock.take() and not other.take()


def test_a_lock_of_an_earlier_version_says_no_time() -> None:
    assert at_this_run("process 12 on node7") == "process 12 on node7 is at this run"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_one_line(
    ib_train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(*about: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    why = f"(its file system has no locks, which keep two processes off one run: {os.strerror(code)})"
    single = ib_train(*SMALL)
    assert single.code == 2 and single.err.count("\n") == 1, single.err
    assert f"/.lock {why}: choose a folder on another file system, as in output=" in single.err
    several = ib_train("-m", *SMALL, "seed=0,1")
    assert several.code == 2 and several.err.count("\n") == 1 and why in several.err, several.err
    assert not Path("outputs/runs/.jobs").exists() and not list(Path("outputs").glob("*/*/metrics.jsonl"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found, (told,) = kept_arrays.kept_arrays("one-1", lambda: {"a": np.zeros(2)})
    assert list(found["a"]) == [0, 0] and "has no locks" in told


def test_a_process_that_does_not_end_making_arrays_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name, seconds in (("BETWEEN", 0.01), ("QUIET", 0.03), ("PATIENCE", 0.1)):
        monkeypatch.setattr(kept_arrays, name, seconds)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "ib-train" / "one-1"
    folder.mkdir(parents=True)
    lock = FolderLock(folder)
    assert lock.take()
    found, (told,) = kept_arrays.kept_arrays("one-1", lambda: {"a": np.ones(1)})
    assert list(found["a"]) == [1] and told == f"{lock.holder()} does not end making {folder}: it is made here too"
    line = f"ib-train: waiting, for at most 0.1 s, for {lock.holder()}: it makes {folder}\n"
    assert capsys.readouterr().err == line
    lock.release()
    kept_arrays.kept_arrays("one-1", lambda: {"a": np.ones(1)})
    assert lock.take()  # what is there already needs no lock
    assert kept_arrays.kept_arrays("one-1", lambda: {"a": np.zeros(1)})[0]["a"][0] == 1


def test_two_processes_replace_one_file_at_the_same_moment(tmp_path: Path) -> None:
    file = tmp_path / "multirun.yaml"
    with replacing(file) as one:
        with replacing(file) as other:
            assert one != other and one.exists()
            one.write_text("of the first, which is longer")
            other.write_text("second")
        assert file.read_text() == "second" and one.exists()
    assert file.read_text() == "of the first, which is longer" and list(tmp_path.iterdir()) == [file]


def test_what_killed_processes_left_of_a_file_is_removed_later(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    old, new, other = (
        tmp_path / f".{name}.part" for name in ("results.csv.0a1b", "results.csv.2c3d", "results.csv2.4e")
    )
    for part in (old, new, other):
        part.touch()
        os.utime(part, (time.time() - 2 * atomic.LEFT,) * 2)
    new.touch()  # perhaps of a process that is still at it
    with replacing(file) as part:
        part.write_text("a")
    assert sorted(tmp_path.iterdir()) == sorted([file, new, other])


def test_a_multirun_begins_while_the_last_of_the_others_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, removed = Jobs(tmp_path / "study" / ".jobs" / "3fa2"), []
    make = job_outcomes.make_own_folder

    def make_and_remove(folder: Path) -> None:
        make(folder)
        if len(removed) < 3:  # by the other's `remove`
            removed.append(folder)
            folder.rmdir()

    monkeypatch.setattr(job_outcomes, "make_own_folder", make_and_remove)
    jobs.claim()
    assert len(removed) == 3 and FolderLock(jobs.folder).holder()
    jobs.remove()
    assert not jobs.folder.parent.exists()


def test_a_report_does_not_take_a_run_for_damaged_that_is_being_written(
    ib_train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ib_train(*SMALL, "epochs=1").code == 0
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    ended = tmp_path / "ended"
    run.rename(ended)
    shutil.copytree(ended, run, ignore=shutil.ignore_patterns("metrics.jsonl"))
    read, statuses = runs.read_run, []

    def read_slowly(folder: Path) -> runs.RecordedRun | None:
        found = read(folder)
        statuses.append(found.status)
        shutil.copy2(ended / "metrics.jsonl", run)  # by the run's own process, after the others were read
        return found

    monkeypatch.setattr(runs, "read_run", read_slowly)
    reader = Reader()
    assert [each.status for each in reader.read([tmp_path / "outputs"])] == ["done"]
    assert statuses == ["damaged", "done"]
    assert reader.read([tmp_path / "outputs"]) and len(statuses) == 2  # nothing has changed since


def test_the_number_of_tries_for_a_lock_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_lock, "TRIES", 3)
    lock = FolderLock(tmp_path)
    lock.file.touch()
    with lock.file.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert not lock.take() and not lock.held
