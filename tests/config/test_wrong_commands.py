"""Wrong commands as people type them: each answer is one line, and what it says to type instead works.

wrong_commands.yaml is the list: what was `said`, the answer `before` there was this help, and what is `right`, or what
the line `names` where no single command is.
"""

from __future__ import annotations

import logging
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra.core.plugins import Plugins

from ib_cli.config.advice import advised
from ib_cli.config.error_lines import UsageError
from ib_cli.report.main import main as ib_report
from ib_cli.report.main import parser
from ib_cli.run.validation import resolve, validate
from ib_cli.study.job_outcomes import Outcome
from tests.conftest import Ended

LIST: dict[str, list[dict[str, str]]] = yaml.safe_load(
    (Path(__file__).parent / "wrong_commands.yaml").read_text("utf-8")
)
COMMANDS = [entry for kind in LIST.values() for entry in kind]
OF_TRAIN = [entry for entry in COMMANDS if entry["said"].startswith("ib-train")]
OF_REPORT = [entry for entry in COMMANDS if entry["said"].startswith("ib-report")]
RIGHT = list(dict.fromkeys(entry["right"] for entry in OF_TRAIN if "right" in entry))
STEP = 24  # every so many of the list in the quick suite, as Hydra takes a quarter of a second for each
STEPS = [STEP, pytest.param(1, marks=pytest.mark.slow)]
TRUST = re.compile(r"if you trust that package, add (trust=\w+)$", re.MULTILINE)
NET = """from torch import nn


class MyNet(nn.Module):
    def __init__(self, shape, *, depth: int):
        super().__init__()
        self.features = 1

    def forward(self, x, tape):
        return x
"""
FILES = {
    "my_conf/architecture/my_net.yaml": "_target_: my_code.MyNet\ndepth: 2\n",
    "my_conf/sweep/my_sweep.yaml": "# @package _global_\nname: my_sweep\nhydra:\n  mode: MULTIRUN\n",
    "my_code.py": NET,
    "outputs/my_study/0123456789/config.yaml": "epochs: 2\n",
    "outputs/my_study/0123456789/result.json": "{}\n",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a person's own configs, data and study."""
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    np.savez(tmp_path / "my.npz", x=np.zeros((8, 3), "float32"), y=np.arange(8) % 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield


@contextmanager
def levels_kept() -> Iterator[None]:
    """Loggers as they were: after `hydra.verbose=true` every command would take ten times as long."""
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values() if hasattr(each, "setLevel"))]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    disabled = logging.root.manager.disable
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers
        logging.disable(disabled)


@pytest.fixture
def checked(ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """ib-train, whose runs end when their config has been checked, and whose studies when they are planned."""

    def run(config: Any, tell: object = None) -> Outcome:
        validate(resolve(config)).targets["dataset"]()
        print("checked")
        return Outcome("done")

    def launch(self: object, points: list[list[str]], first: int) -> None:
        print(f"checked {len(points)}")

    def call(*words: str) -> Ended:
        Plugins.instance()  # which may import the plugins anew, after a search above all
        monkeypatch.setattr(sys.modules["hydra_plugins.ib_train.grid_sweeper"].GridSweeper, "_launch", launch)
        with levels_kept():
            return ib_train(*words)

    monkeypatch.setattr("ib_cli.run.run.run", run)
    monkeypatch.setattr("ib_cli.main.measured_value", lambda outcome, measure: 0.0)  # of a search, whose runs have none
    return call


def is_answer(ended: Ended, entry: dict[str, str]) -> bool:
    """Whether a command ended with a line that has what the list says, and with exit code 2."""
    said, line = entry["said"].split()[0], ended.err.strip()
    if ended.code != 2 or len(line.splitlines()) != 1 or not line.startswith(f"{said}: "):
        return False
    if "names" in entry:
        return entry["names"] in line
    program, _, words = entry["right"].partition(" ")
    return f"{line} ".rpartition(f" {program} ")[2].strip() == words


def test_the_list_has_every_class_and_no_command_twice() -> None:
    said = [entry["said"] for entry in COMMANDS]
    assert len(said) == len(set(said)) >= 150 and all(("right" in each) != ("names" in each) for each in COMMANDS)


@pytest.mark.parametrize("step", STEPS)
def test_a_wrong_command_is_answered_with_the_right_one(place: None, checked: Callable[..., Ended], step: int) -> None:
    failed = {}
    for entry in OF_TRAIN[::step]:
        ended = checked(*shlex.split(entry["said"])[1:])
        if not is_answer(ended, entry):
            failed[entry["said"]] = ended
    assert not failed


@pytest.mark.parametrize("step", STEPS)
def test_the_right_command_works_when_pasted(place: None, checked: Callable[..., Ended], step: int) -> None:
    """It is composed and checked; a multirun is composed and planned."""
    failed = {}
    for command in RIGHT[step // 2 :: step]:
        program, *words = shlex.split(command)
        ended = checked(*words) if program == "ib-train" else Ended(0, "checked", "")
        if trusted := TRUST.search(ended.err):  # of code of one's own the next answer names the word to add
            ended = checked(*words, trusted[1])
        shows = {"--help", "--version", "--cfg"} & set(words)
        if "needs an extra: pip install" in ended.err:  # what is not installed here is named, and the command is right
            continue
        if ended.err or not (ended.out if shows else "checked" in ended.out):
            failed[command] = ended.err or ended.out
    assert not failed


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_an_answer_in_the_grammar_needs_no_config(place: None, step: int) -> None:
    """Words that are no overrides are put right without Hydra, and the right command is left as it is."""
    for entry in OF_TRAIN[::step]:
        words = shlex.split(entry["said"])[1:]
        line = advised(UsageError("wrong"), words)
        if "right" in entry and line != "wrong":
            right = shlex.split(entry["right"])
            assert line.endswith(f": {entry['right']}"), (entry["said"], line)
            assert right[0] != "ib-train" or advised(UsageError("wrong"), right[1:]) == "wrong", entry["right"]


def test_right_commands_are_not_put_right() -> None:
    """What the documents say to type."""
    texts = [Path("README.md"), *Path("docs").glob("*.md")]
    root = Path(__file__).parents[2]
    lines = [line for text in texts for line in (root / text).read_text("utf-8").splitlines()]
    typed = [
        line.partition("  #")[0].partition(" && ")[0].strip() for line in lines if line.startswith("    ib-train ")
    ]
    commands = [line for line in typed if not set(line) & set("…\\|&$") and "-sc" not in line]
    assert len(commands) > 20
    for command in commands:
        assert advised(UsageError("wrong"), shlex.split(command)[1:]) == "wrong", command


@pytest.mark.parametrize("entry", OF_REPORT, ids=lambda entry: entry["said"])
def test_wrong_words_of_ib_report(place: None, capsys: pytest.CaptureFixture, entry: dict[str, str]) -> None:
    with pytest.raises(SystemExit) as end:
        ib_report(shlex.split(entry["said"])[1:])
    ended = Ended(end.value.code, *capsys.readouterr())
    assert is_answer(ended, entry), ended
    if entry.get("right", "").startswith("ib-report") and "--help" not in entry["right"]:
        assert parser().parse_args(shlex.split(entry["right"])[1:]).folders  # pasted back, each folder is there
