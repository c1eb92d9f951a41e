"""When, where and by what a run was made."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import torch

import ib_cli
from ib_cli.run.origin import Checkout, now
from ib_cli.watch.maker import made, other_maker
from tests.conftest import SMALL


def result() -> dict:
    (file,) = Path("outputs").glob("*/*/result.json")
    return json.loads(file.read_text())


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=me", "-c", "user.email=me@here")
    return subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "ib_cli").mkdir(parents=True)
    (folder / "ib_cli" / "main.py").write_text("one\n")
    git(tmp_path, "init", "-q", "checkout")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_run_says_when_and_where_it_was_made(ib_train) -> None:
    before = now()
    assert ib_train(*SMALL, "+hydra.job.env_set.MY_KEY=s3cr3t").code == 0
    found = result()["origin"]
    assert found["version"] == ib_cli.__version__ and found["host"] == platform.node() and found["device"] == "cpu"
    assert found["python"] == platform.python_version() and found["libraries"]["torch"] == torch.__version__
    assert set(found["libraries"]) >= {"torch", "numpy", "hydra", "omegaconf"}
    assert before <= found["start"] <= found["end"] <= now()
    assert datetime.fromisoformat(found["start"].replace("Z", "+00:00")).utcoffset().total_seconds() == 0
    assert found["command"].endswith("device=cpu '+hydra.job.env_set.MY_KEY=***'")
    (log,) = Path("outputs").glob("*/*/run.log")
    assert "s3cr3t" not in log.read_text()


@pytest.mark.parametrize("flags", [(), ("-m", "hydra/launcher=sequential")])
def test_the_command_is_kept_as_it_was_typed(ib_train, flags: tuple[str, ...]) -> None:
    words = (*flags, *SMALL, "epochs=1", "tracker=[tensorboard,none]", "trust=a,b")
    assert ib_train(*words).code == 0
    assert result()["origin"]["command"] == shlex.join(["ib-train", *words])
    assert sys.argv[1:] == list(words)


def test_a_run_that_goes_on_began_when_it_first_did(ib_train, monkeypatch) -> None:
    monkeypatch.setattr("ib_cli.run.attempt.now", lambda: "2020-01-01T00:00:00Z")
    assert ib_train(*SMALL).code == 0
    (folder,) = Path("outputs/runs").iterdir()
    for file in (*folder.glob("result.json"), *folder.glob(".sums*"), *folder.glob("*sums*")):
        file.unlink(missing_ok=True)
    monkeypatch.setattr("ib_cli.run.attempt.now", lambda: "2021-01-01T00:00:00Z")
    assert ib_train(*SMALL).code == 0
    assert result()["origin"]["start"] == "2020-01-01T00:00:00Z"
    assert ib_train(*SMALL, "rerun=true").code == 0
    assert result()["origin"]["start"] == "2021-01-01T00:00:00Z"


def test_a_failed_run_says_it_too(ib_train, monkeypatch) -> None:
    def fail(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr("ib_cli.procedures.fit.fit.train", fail)
    assert ib_train(*SMALL).code == 1
    assert result()["status"] == "failed" and result()["origin"]["version"] == ib_cli.__version__


def test_a_run_of_another_version_is_told(ib_train, monkeypatch) -> None:
    assert ib_train(*SMALL).code == 0
    again = ib_train(*SMALL)
    assert "done before; rerun=true" in again.out and f"by ib-train {ib_cli.__version__}" in again.out
    monkeypatch.setattr("ib_cli.watch.maker.__version__", "9.9")
    assert f"done before, by ib-train {ib_cli.__version__}; rerun=true repeats it" in ib_train(*SMALL).out
    several = ib_train("-m", *SMALL, "seed=0,1")
    assert several.code == 0 and f"1 run made by ib-train {ib_cli.__version__}, not by this one" in several.out


def test_a_run_that_does_not_say_is_of_an_earlier_version() -> None:
    assert other_maker({"status": "done"}) == other_maker({"origin": None}) == "an earlier version"
    assert made({"status": "done"}) == "" == other_maker({"origin": {"version": ib_cli.__version__}})
    changed = {"version": "1", "commit": "0123456789", "changed": True, "host": "here", "end": "now"}
    assert made({"origin": changed}) == "now by ib-train 1 at 0123456, with changes, on here"


def test_the_commit_and_whether_the_program_was_changed(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "notes.txt").write_text("not the program's\n")
    assert Checkout(repository).state() == {"commit": commit, "changed": False}
    (repository / "ib_cli" / "new.py").write_text("two\n")
    assert Checkout(repository).state() == {"commit": commit, "changed": True}
    git(repository, "add", "ib_cli")
    git(repository, "commit", "-qm", "two")
    (repository / "ib_cli" / "main.py").write_text("three\n")
    asked = Checkout(repository)
    assert asked.state() == {"commit": git(repository, "rev-parse", "HEAD"), "changed": True} == asked.state()
    git(repository, "worktree", "add", "-q", "../other", "-b", "other")
    assert Checkout(repository.parent / "other").state()["changed"] is False


def test_without_a_checkout_or_git_there_is_no_commit(repository: Path, tmp_path: Path, monkeypatch) -> None:
    none = {"commit": None, "changed": None}
    inside = repository / "venv" / "site-packages"  # of another project's checkout
    inside.mkdir(parents=True)
    assert Checkout(inside).state() == none
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)
    assert Checkout(broken).state() == none
    git(tmp_path, "init", "-q", "empty")
    assert Checkout(tmp_path / "empty").state() == none
    monkeypatch.setitem(os.environ, "PATH", "")
    assert Checkout(repository).state() == none
