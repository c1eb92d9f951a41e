"""Runs that another process, or a twin in the same multirun, is at."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from hydra.core.utils import JobReturn, JobStatus

from hydra_plugins.ib_train import _busy_runs
from hydra_plugins.ib_train._busy_runs import BusyRuns
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.system.folder_lock import FolderLock, at_this_run
from tests.conftest import SMALL
from tests.families import family


class Launches:
    """A launcher whose jobs are done at once, if nobody is at them."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs, self.launched = jobs, []

    def launch(self, points: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        self.launched += [first]
        self.jobs.write(first, Outcome("done", tuple(points[0])))
        done = JobReturn(overrides=points[0], status=JobStatus.COMPLETED)
        done.return_value = 0.5
        return [done]


def busy(jobs: Jobs, number: int, folder: Path) -> FolderLock:
    folder.mkdir()
    lock = FolderLock(folder)
    assert lock.take()
    jobs.write(number, Outcome("busy", (f"seed={number}",), str(folder), error=at_this_run(lock.holder())))
    return lock


def test_the_lock_of_a_folder_names_its_holder(tmp_path: Path) -> None:
    mine, other = FolderLock(tmp_path), FolderLock(tmp_path)
    assert mine.take() and mine.held and not other.take()
    assert re.fullmatch(rf"process {os.getpid()} on \S+ since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", other.holder())
    mine.release()
    assert other.holder() == "" and other.take() and FolderLock(tmp_path / "nowhere").holder() == ""


def test_a_busy_run_is_waited_for_and_launched_again_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(tmp_path / "jobs")
    jobs.write(0, Outcome("done"))
    locks = {number: busy(jobs, number, tmp_path / f"run{number}") for number in (1, 2)}
    locks[2].release()  # a twin in the same multirun, which has ended
    launcher, told = Launches(jobs), []

    def tell(line: str) -> None:
        assert launcher.launched == [2]  # at once, without waiting
        told.append(line)
        locks[1].release()

    monkeypatch.setattr(_busy_runs, "PAUSE", 0.01)
    returned = BusyRuns(launcher, jobs, 3600.0, tell).finish({number: (f"seed={number}",) for number in range(3)})
    assert launcher.launched == [2, 1]
    assert {number: job.return_value for number, job in returned.items()} == {1: 0.5, 2: 0.5}
    (line,) = told
    assert line.startswith("waiting, for at most 1 h 00 min (wait=3600), for "), line
    assert f"{tmp_path}/run1 (process {os.getpid()} on " in line


def test_a_multirun_gives_up_after_its_wait(ib_train: Callable) -> None:
    study = ("-m", *SMALL, "epochs=1", "seed=0,1")
    assert ib_train(*study).code == 0
    (folder,) = [f.parent for f in Path("outputs").glob("*/*/result.json") if json.loads(f.read_text())["seed"] == 1]
    (folder / "result.json").unlink()
    lock = FolderLock(folder)
    assert lock.take()
    ended = ib_train(*study, "wait=0.2")
    assert ended.code == 1 and "1 skipped, 1 busy" in ended.out, ended.out
    who = f"{folder} ({at_this_run(lock.holder())})"
    assert ended.err.splitlines() == [
        f"ib-train: waiting, for at most 0.2 s (wait=0.2), for {who}",
        f"ib-train: gave up after 0.2 s (wait=0.2) for {who}; the same command takes them up",
    ]
    assert "gave up after" in Path("outputs/runs/study.log").read_text()
    assert ib_train(*study, "wait=0").err.startswith("ib-train: not waiting (wait=0) for ")
    single = ib_train(*SMALL, "epochs=1", "seed=1")
    assert single.code == 2 and f"{at_this_run(lock.holder())} ({folder}): wait for it" in single.err
    lock.release()
    assert ib_train(*study).code == 0


@pytest.mark.parametrize("value", family(["x", "-1", "null", "nan", "true"], quick=["x", "nan"]))
def test_a_wrong_wait_is_one_line(ib_train: Callable, value: str) -> None:
    ended = ib_train("-m", *SMALL, "seed=0,1", f"wait={value}")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1 and ended.err.startswith("ib-train: wait="), ended.err


def test_repeated_trials_take_the_result_of_their_twin(ib_train: Callable) -> None:
    search = ("-m", *SMALL, "epochs=1", "hydra/sweeper=optuna", "hydra/launcher=vectorized", "seed=choice(0,1)",
              "hydra.sweeper.n_jobs=4", "hydra.sweeper.n_trials=4")  # fmt: skip
    ended = ib_train(*search)
    assert ended.code == 0 and "2 done, 2 skipped" in ended.out, ended.out + ended.err
    assert "waiting" not in ended.err
    assert yaml.safe_load(Path("outputs/runs/optuna.yaml").read_text())["trials"] == 4
    assert len(list(Path("outputs/runs").glob("*/result.json"))) == 2


def test_equal_points_of_a_grid_are_one_run(ib_train: Callable) -> None:
    ended = ib_train("-m", *SMALL, "epochs=1", "gamma=0.1,0.10,1e-1,0.2", "hydra/launcher=vectorized")
    assert ended.code == 0 and "2 done, 2 skipped" in ended.out, ended.out
