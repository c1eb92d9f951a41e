"""Jobs that are lost, searched for, or repeated: told at once, by their own name, with a command that works."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hydra_plugins.ib_train import slurm_launcher
from hydra_plugins.ib_train._launcher import Lost
from hydra_plugins.ib_train.local_launcher import LocalLauncher
from ib_cli.study.callback import Study, launching_words, studies
from ib_cli.study.job_outcomes import TOKEN, Jobs, Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_screen import StudyScreen
from ib_cli.system.signals import Interrupted
from ib_cli.system.uncoloured import plain_line
from tests.conftest import SMALL
from tests.families import family
from tests.launchers.answering import Answering


def test_workers_are_kept_between_batches_and_dead_ones_replaced() -> None:
    launcher = LocalLauncher(n_jobs=1, threads=None)
    launcher.config = {"device": "cpu"}
    try:
        ((number, first), (_, same)) = launcher.answers([Answering(0), Answering(1)])
        assert number == 0 and first == same and list(launcher.answers([Answering(2)])) == [(2, first)]
        os.kill(first, signal.SIGKILL)  # an idle worker: no job is lost with it
        launcher.workers[0].wait()
        ((number, second),) = launcher.answers([Answering(3)])
        assert number == 3 and second != first and not isinstance(second, Lost)
    finally:
        launcher.close()
    assert launcher.workers == []


def test_a_search_names_its_jobs_by_their_number_and_knows_how_many_there_will_be(tmp_path: Path) -> None:
    study = Study()
    try:
        study.jobs = Jobs(tmp_path / "jobs")
        study.screen = StudyScreen("runs", StudyLog(tmp_path / "study.log", "3fa2"))
        study.plan = [("epochs=1", "gamma=?")] * 4
        study.plan[:2] = [("epochs=1", "gamma=0.3"), ("epochs=1", "gamma=0.7")]
        study.jobs.write(1, Outcome("running", study.plan[1]))  # the second begins first
        study.screen.update(study.outcomes())
        study.jobs.write(0, Outcome("running", study.plan[0]))
        study.screen.update(study.outcomes())
        study.jobs.write(0, Outcome("done", study.plan[0]))
        study.screen.update(study.outcomes())
    finally:
        studies.remove(study)
    lines = [line.partition("] ")[2] for line in (tmp_path / "study.log").read_text().splitlines()]
    assert lines == ["2/4 running  gamma=0.7", "1/4 running  gamma=0.3", "1/4 done  gamma=0.3"]


def test_jobs_of_a_sweeper_without_a_plan_keep_their_numbers(tmp_path: Path) -> None:
    study = Study()
    try:
        study.jobs = Jobs(tmp_path / "jobs")
        study.jobs.write(2, Outcome("running", ("seed=2",)))
        assert [outcome.status for outcome in study.outcomes()] == ["waiting", "waiting", "running"]
    finally:
        studies.remove(study)


@pytest.mark.parametrize(
    "words, kept",
    [
        ([f"++hydra.job.env_set.{TOKEN}=1", "hydra.mode=MULTIRUN"], []),
        (["hydra/sweeper=optuna", "hydra.sweeper.n_trials=9", "+hydra.sweeper.params.gamma=1"], []),
        (
            ["hydra/launcher=slurm", "hydra.sweeper.max_batch_size=9", "hydra.launcher.mem_gb=4"],
            ["-m", "hydra/launcher=slurm", "hydra.launcher.mem_gb=4"],
        ),
        (["hydra.job.name=x"], ["-m", "hydra.job.name=x"]),
    ],
)
def test_a_job_is_repeated_through_its_launcher(words: list[str], kept: list[str]) -> None:
    assert launching_words(words) == kept


@pytest.mark.parametrize(
    "launcher, sweeper, rates",
    family(
        [
            (["hydra/launcher=vectorized", "hydra.launcher.max_points=3"], [], "1e-2,1e24"),
            (["hydra/launcher=vectorized"], ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2"], "choice(1e-2,1e24)"),
            ([], [], "1e-2,1e24"),
        ],
        every=2,
    ),
)
def test_the_command_for_failed_runs_works(
    ib_train: Callable, launcher: list[str], sweeper: list[str], rates: str
) -> None:
    ended = ib_train("-m", *SMALL, "epochs=1", "optimizer=sgd", *sweeper, *launcher, f"optimizer.lr={rates}")
    assert ended.code == 1 and "failed" in ended.out, ended.out + ended.err
    told = ended.out.partition("to run just the failed ones again:\n")[2].splitlines()[0]
    words = shlex.split(told)
    head = ["ib-train", *(["-m", *launcher] if launcher else []), SMALL[0]]
    assert words[: len(head)] == head
    again = ib_train(*words[1:])
    assert again.code == 1 and not again.err.startswith("ib-train:"), again.err
    assert "1 failed in" in again.out if launcher else "in epoch 1" in again.out + again.err, again.out


def test_a_study_whose_search_is_fixed_by_the_command_runs_that_point(ib_train: Callable) -> None:
    ended = ib_train(
        "sweep=optuna_vib", *SMALL, "epochs=1", "gamma=0.1", "optimizer.lr=1e-2", "hydra.sweeper.n_trials=3"
    )
    assert ended.code == 0 and "1 done in" in ended.out, ended.out + ended.err


def test_a_multirun_that_is_stopped_before_its_first_run_says_so_in_a_line(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> None:
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(Study, "check", stopped)
    words = ("-m", *SMALL, "seed=0,1")
    ended = ib_train(*words)
    assert (ended.code, ended.out) == (143, "")
    assert ended.err == f"stopped before the first run began; to go on: {shlex.join(['ib-train', *words])}\n"
    assert "stopped before the first run began" in Path("outputs/runs/study.log").read_text()
    assert not Path("outputs/runs/.jobs").exists()


class Job:
    """Stands for submitit's job."""

    def __init__(self, folder: Path, number: int) -> None:
        self.job_id = f"7_{number}"
        self.paths = SimpleNamespace(result_pickle=folder / f"{number}.pkl", stderr=folder / f"{number}.err")

    def result(self) -> str:
        return "answer"


def test_a_job_that_slurm_ended_is_told_while_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_launcher, "POLL", 0.001)
    monkeypatch.setattr(slurm_launcher, "QUEUE_POLL", 0.002)
    monkeypatch.setattr(slurm_launcher, "SOON", 0.002)
    monkeypatch.setattr(slurm_launcher, "_queue", lambda arrays: {"7_2"})
    monkeypatch.setattr(slurm_launcher, "_state", lambda job: "CANCELLED")
    pytest.importorskip("submitit", reason="pip install 'ib-train[slurm]'")
    jobs = {number: Job(tmp_path, number) for number in range(3)}
    jobs[1].paths.stderr.write_text("began")
    answers = slurm_launcher._answers(jobs, ["7"])
    assert next(answers) == (0, Lost("Slurm ended it before it began: CANCELLED"))
    assert next(answers) == (1, Lost(f"Slurm ended it: CANCELLED; {tmp_path}/1.err"))
    jobs[2].paths.result_pickle.touch()  # only now
    assert list(answers) == [(2, "answer")]


def test_colours_of_other_programs_do_not_reach_a_record() -> None:
    message = "\x1b[36mray::_call()\x1b[39m (pid=7,\r\n ip=10.0.0.1)\n  \x1b]0;title\x07lost\x9b1m \x1b(Bhere\x00\x7f"
    assert plain_line(message) == "ray::_call() (pid=7, ip=10.0.0.1) lost here"
    assert plain_line("γ = 0,1 [31m") == "γ = 0,1 [31m"
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", plain_line("".join(map(chr, range(0x100))) + "\x1b"))
