"""Machines that lack something: a home, a place for temporary files, rights, processes, a clock that only goes forward.

`tests/integration/machines.py` takes them away for real; here they are simulated.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli import main
from ib_cli.contracts.errors import ConfigError
from ib_cli.system import matplotlib_import
from ib_cli.system.folder_lock import FolderLock
from ib_cli.system.matplotlib_import import import_matplotlib
from ib_cli.system.temporary import settle_temporary
from tests.conftest import SMALL, Ended

DRAW = """
from ib_cli.system.matplotlib_import import default_style
with default_style():
    from matplotlib.figure import Figure
    Figure().savefig("drawn.png")
"""


def failing(number: int, file: str | None = None) -> Callable[..., None]:
    def fail(*arguments: object, **keys: object) -> None:
        raise OSError(number, os.strerror(number), *([] if file is None else [file]))

    return fail


@pytest.mark.parametrize("home", ["/proc", pytest.param("/etc/passwd", marks=pytest.mark.slow)])
def test_a_picture_needs_no_home_and_says_nothing_of_it(tmp_path: Path, home: str) -> None:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL"))}
    words = [sys.executable, "-c", DRAW]
    ended = subprocess.run(words, cwd=tmp_path, env=plain | {"HOME": home}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "drawn.png").exists()


def test_matplotlib_without_any_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matplotlib_import, "_imported", failing(errno.EROFS))
    with pytest.raises(ConfigError, match=r"^TMPDIR: Matplotlib needs a folder for temporary files, and none can be"):
        import_matplotlib()


def test_temporary_files_lie_with_the_outputs_where_there_is_no_other_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = tempfile.gettempdir()
    settle_temporary(tmp_path / "unused")
    assert tempfile.gettempdir() == before
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", failing(errno.ENOENT))
    settle_temporary(tmp_path)
    assert tempfile.gettempdir() == str(tmp_path)


@pytest.mark.parametrize("number", [errno.EROFS, pytest.param(errno.ENOSPC, marks=pytest.mark.slow)])
def test_data_that_cannot_be_fetched_into_root_name_root(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("ib_cli.datasets.torchvision_dataset.TemporaryDirectory", failing(number, "there"))
    ended = ib_train(*SMALL, "dataset=mnist", "dataset.root=there")
    line = (
        f"ib-train: dataset.root: cannot write there/MNIST/raw ({os.strerror(number)}); name a folder that holds MNIST"
    )
    assert ended.code == 2 and ended.err.startswith(line) and ended.err.count("\n") == 1
    assert not Path("there").exists()


def test_a_lock_of_a_multirun_that_cannot_be_written_is_named(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderLock, "take", failing(errno.ENOSPC))
    ended = ib_train("-m", *SMALL, "gamma=1,2")
    assert ended.code == 1 and ended.err.count("\n") == 1
    assert "cannot write outputs/runs/.jobs/" in ended.err and "/.lock (No space left on device)" in ended.err


@pytest.mark.parametrize("words", [(), ("-m", "gamma=1,2")])
def test_a_folder_that_cannot_be_written_comes_with_the_remedy(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Path, "mkdir", failing(errno.EROFS, "outputs"))
    monkeypatch.setattr(os, "makedirs", failing(errno.EROFS, "outputs"))
    ended = ib_train(*words, *SMALL)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "(Read-only file system): choose a folder that you may write to, as in output=$HOME/outputs" in ended.err


def test_too_many_processes_are_said_as_such(ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_done", failing(errno.EAGAIN))
    ended = ib_train(*SMALL)
    assert ended.code == 1 and ended.err.startswith("ib-train: no more processes can be started here (Resource")


def test_a_clock_that_jumps_back_changes_nothing(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    back = itertools.count(2e9, -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(back))
    ended = ib_train("-m", *SMALL, "epochs=1", "gamma=1,2", "hydra/launcher=vectorized")
    assert ended.code == 0 and "2 done" in ended.out and ended.err == ""
    for result in tmp_path.glob("outputs/runs/*/result.json"):
        assert 0 <= json.loads(result.read_text())["seconds"] < 600
