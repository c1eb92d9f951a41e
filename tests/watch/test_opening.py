"""The first line of a run: there before torch, in words that the command line takes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ib_cli.watch.opening import opening
from tests.conftest import SMALL

PROBE = "import sys; from ib_cli import main; main.imported_run = lambda: sys.exit('torch' in sys.modules); main.main()"


def first_line(out: str) -> str:
    name, _, words = out.splitlines()[0].partition(" ")
    assert name == "run"
    return words.strip()


def test_the_first_line_is_there_before_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROBE, "gamma=0.1", "seed=3"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr  # False of 'torch' in sys.modules
    assert first_line(ended.stdout) == ("objective=vib gamma=0.1 dataset=digits architecture=mlp epochs=40 seed=3")


def test_its_words_name_the_same_run(ib_train) -> None:
    words = ("objective=beta_vae", "beta=0.5", "seed=1", *SMALL)
    ended = ib_train(*words)
    assert ended.code == 0, ended.err
    rest = [word for word in SMALL if not word.startswith("epochs=")]
    again = ib_train(*shlex.split(first_line(ended.out)), *rest)
    assert "done before" in again.out and first_line(again.out) == first_line(ended.out)


@pytest.mark.parametrize(
    ("config", "choices", "words"),
    [
        ({"procedure": {}, "seed": 0, "epochs": 2}, {"procedure": "langevin", "dataset": "table"},
         "procedure=langevin dataset=table seed=0"),
        ({"procedure": {"run": "outputs/runs/1"}, "seed": 0, "gamma": 1}, {"procedure": "novelty", "objective": "vib"},
         "procedure=novelty procedure.run=outputs/runs/1 seed=0"),
        ({"procedure": None, "gamma": 1.0, "delta": 0.5}, {"procedure": "fit"}, "gamma=1.0 delta=0.5"),
        ({}, {}, ""),
    ],
)  # fmt: skip
def test_what_is_shown_is_what_the_run_has(config, choices, words) -> None:
    assert opening(config, choices) == words


def test_a_config_that_cannot_be_resolved_has_no_first_line(ib_train) -> None:
    ended = ib_train("name=${nothing}")
    assert ended.code == 2 and ended.out == "" and "nothing" in ended.err
