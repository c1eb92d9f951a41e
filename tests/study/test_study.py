"""Studies: what is planned, what survives a kill, and what one failing run does to the others."""

from __future__ import annotations

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_screen import StudyScreen, last_line
from tests.conftest import SMALL
from tests.processes import Forked


def test_jobs_are_read_as_they_were_written(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    assert jobs.read() == {}
    outcome = Outcome("done", ("gamma=1",), "outputs/a/b", {"C": 0.5, "R": None}, 3.0)
    jobs.write(11, Outcome("running"))
    jobs.write(11, outcome)
    jobs.write(2, Outcome("wrong", error="no"))
    assert jobs.read() == {2: Outcome("wrong", error="no"), 11: outcome}
    jobs.remove()
    assert jobs.read() == {}


def test_last_whole_line_of_a_file_that_is_being_written(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert last_line(file) is None
    file.write_text('{"epoch": 1}')
    assert last_line(file) is None
    file.write_text('{"epoch": 1}\n{"epo')
    assert last_line(file) == {"epoch": 1}
    file.write_text("".join(json.dumps({"epoch": i, "long": "x" * 90}) + "\n" for i in range(100)))
    assert last_line(file)["epoch"] == 99


@pytest.mark.parametrize("terminal", [True, False])
def test_screen_fits_a_terminal_and_logs_each_change(tmp_path: Path, terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=terminal, force_interactive=terminal)
    screen = StudyScreen("plane", StudyLog(tmp_path / "study.log", "3fa2"), console=console)
    jobs = [Outcome("waiting", (f"gamma={i}", "seed=0", "epochs=5")) for i in range(100)]
    screen.update(jobs)
    jobs[0] = Outcome("running", jobs[0].overrides, str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 3, "J": 1.5}\n')
    screen.update(jobs)
    picture = Console(file=io.StringIO(), width=80, height=24)
    picture.print(screen._picture())
    text = picture.file.getvalue()
    assert "1 running, 99 waiting" in text and "epoch 3  J 1.500" in text
    assert len(text.splitlines()) <= 24 and max(map(len, text.splitlines())) <= 80
    jobs[0] = Outcome("failed", jobs[0].overrides, str(tmp_path), error="C became nan in epoch 4")
    jobs[1] = Outcome("done", jobs[1].overrides, str(tmp_path), {"J": 2.0, "C": 1.0})
    screen.update(jobs)
    screen.close()
    lines = (tmp_path / "study.log").read_text().splitlines()
    assert [line.split(" ", 2)[2].split("  ")[0] for line in lines] == [
        "[3fa2] 1/100 running", "[3fa2] 1/100 failed", "[3fa2] 2/100 done",
    ]  # fmt: skip
    screen.table(jobs[:2])
    end = console.file.getvalue()
    assert "C became nan in epoch 4" in end and "ib-train gamma=0 seed=0 epochs=5" in end


def test_one_failing_run_leaves_the_others(ib_train: Callable) -> None:
    study = ("-m", *SMALL, "epochs=1", "optimizer=sgd", "optimizer.lr=1e12,0.01")  # the first one fails
    ended = ib_train(*study)
    assert ended.code == 1
    assert "1 done, 1 failed" in ended.out and "in epoch 1" in ended.out and "to run just the failed ones" in ended.out
    assert "1 skipped, 1 failed" in ib_train(*study).out
    assert not list(Path("outputs/runs/.jobs").glob("*"))


def test_a_job_whose_config_cannot_be_composed_leaves_the_others(ib_train: Callable) -> None:
    ended = ib_train("-m", *SMALL, "objective=ce,vib", "gamma=0.1,0.2")
    assert ended.code == 1
    assert "2 done, 2 wrong" in ended.out
    assert "objective=ce gamma=0.2: gamma is no multiplier of objective=ce, which has: none" in ended.err
    log = Path("outputs/runs/study.log").read_text()
    assert "3/4 wrong  objective=ce gamma=0.1" in log and log.splitlines()[-1].endswith("s")
    nothing = ib_train("-m", *SMALL, "objective=ce", "gamma=0.1,0.2")
    assert nothing.code == 2 and "gamma is no multiplier" in nothing.err
    assert not Path("outputs/runs/.jobs").exists()


def test_a_run_that_another_process_is_at_is_tried_again(tmp_path: Path) -> None:
    study = ("-m", *SMALL, "epochs=40", "seed=0,1,2")
    both = [Forked(tmp_path / "same", *study) for _ in range(2)]
    codes, outputs = zip(*(process.end() for process in both))
    assert codes == (0, 0), outputs
    done = [int(n) for output in outputs for n in re.findall(r"^(\d+) done", output, re.MULTILINE)]
    assert sum(done) == 3, outputs  # each run was made once
    assert not (tmp_path / "same/outputs/runs/.jobs").exists()


def test_what_a_killed_multirun_left_is_cleared_by_the_next(ib_train: Callable, tmp_path: Path) -> None:
    process = Forked(tmp_path / "killed", "-m", *SMALL, "epochs=9999", "seed=0,1")
    jobs = tmp_path / "killed/outputs/runs/.jobs"
    while not list(jobs.glob("*/*.json")):
        assert process.alive()
        time.sleep(0.02)
    process.kill_group()
    process.end()
    assert len(list(jobs.iterdir())) == 1
    assert ib_train("-m", *SMALL, "epochs=2", "seed=0,1", "output=killed/outputs").code == 0
    assert not jobs.exists()


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "ib_cli", *arguments], cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def records(folder: Path) -> dict[str, tuple[str, dict]]:
    """Of every run what must be equal: the metrics to the letter, the result but for its time."""
    found = {}
    for file in folder.glob("outputs/*/*/result.json"):
        result = json.loads(file.read_text())
        result = {key: value for key, value in result.items() if not key.endswith("seconds") and key != "origin"}
        found[file.parent.name] = (file.with_name("metrics.jsonl").read_text(), result)
    return found


@pytest.mark.slow
def test_a_study_killed_five_times_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    study = ("-m", "dataset.train_size=600", "architecture.widths=[32]", "epochs=6", "batch_size=10", "figures=false",
             "device=cpu", "gamma=1e-4,1e-3,1e-2,1e-1,0.3,1", "seed=range(4)", "name=study")  # fmt: skip
    output = (process := start(tmp_path / "whole", *study)).communicate()[0]
    assert process.returncode == 0, output
    expected = records(tmp_path / "whole")
    assert len(expected) == 24
    rng, done = random.Random(0), 0
    for _ in range(5):
        process = start(tmp_path / "killed", *study)
        deadline = time.monotonic() + 60
        while len(records(tmp_path / "killed")) <= done and time.monotonic() < deadline:
            time.sleep(0.05)  # until this attempt has finished one more run
        time.sleep(rng.uniform(0.1, 2))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = len(records(tmp_path / "killed"))
        assert done < 24
    output = (process := start(tmp_path / "killed", *study)).communicate()[0]
    assert process.returncode == 0, output
    assert records(tmp_path / "killed") == expected
