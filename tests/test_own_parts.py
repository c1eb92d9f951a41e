"""The skeletons of docs/own_parts.md: their files are whole, and the commands of the page run with them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ended

PAGE = (Path(__file__).parents[1] / "docs" / "own_parts.md").read_text(encoding="utf-8")
FILE = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
COMMANDS = [line.strip() for line in PAGE.split("## All of it")[1].splitlines() if line.startswith("    ib-train")]


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files, on the path; the modules are gone afterwards."""
    for name, content in FILE.findall(PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_parts"]:
        del sys.modules[name]


def test_the_page_has_a_file_of_each_kind() -> None:
    names = {name for name, _ in FILE.findall(PAGE)}
    assert {name.split("/")[1] for name in names if name.startswith("my_conf")} == {
        "architecture", "objective", "dataset", "sweep",
    }  # fmt: skip
    assert len(COMMANDS) == 3 and all(name in PAGE.split("```")[0] for name in ("nets.py", "rings.py", "quantities.py"))


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_run(parts: Path, ib_train: Callable[..., Ended], command: str) -> None:
    ended = ib_train(*shlex.split(command)[1:], "estimators=none", "figures=false")
    assert ended.code == 0, ended.err
    runs = list((parts / "outputs").glob("*/*/result.json"))
    assert len(runs) == (4 if "sweep=" in command else 1)


def test_help_and_wrong_words_know_them(parts: Path, ib_train: Callable[..., Ended]) -> None:
    told = ib_train("--config-dir", "my_conf", "--help").out
    assert "residual" in told and "small_z" in told and "rings" in told
    wrong = ib_train("--config-dir", "my_conf", "architecture=residual", "architecture.dept=3")
    assert wrong.code == 2 and "architecture.depth" in wrong.err
    untrusted = ib_train("--config-dir", "my_conf", "dataset=rings")
    assert untrusted.code == 2 and "add trust=my_parts" in untrusted.err and "my_parts" not in sys.modules
    wrong = ib_train("--config-dir", "my_conf", "trust=my_parts", "dataset=rings", "dataset.noise=-1")
    assert wrong.code == 2 and "dataset.noise=-1" in wrong.err and wrong.err.count("\n") == 1
