"""A study given as a file that cannot be read: one line, which names the file and what it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

FILES = {
    "latin": (b"seed: 1\nname: caf\xe9\n", "is no YAML in UTF-8: line 2: invalid continuation byte: save it as UTF-8"),
    "utf_16": ("name: x\n".encode("utf-16"), "is no YAML in UTF-8: line 1: invalid start byte: save it as UTF-8"),
    "deep": (b"a: " + b"[" * 3000 + b"]" * 3000, "its values are nested too deeply"),
    "less_deep": (b"a: " + b"[" * 300 + b"]" * 300, "its values are nested too deeply"),
}
KINDS: dict[str, tuple[Callable[[str], None], str]] = {
    "folder": (lambda name: Path(name).mkdir(), "a folder"),
    "pipe": (os.mkfifo, "a pipe or a device"),
    "itself": (lambda name: Path(name).symlink_to(name), "a link to no file"),
    "gone": (lambda name: Path(name).symlink_to("nothing.yaml"), "a link to no file"),
    "to_pipe": (lambda name: (os.mkfifo("p"), Path(name).symlink_to("p"))[1], "a pipe or a device"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_study_that_cannot_be_read_is_named(ib_train: Callable, name: str) -> None:
    content, told = FILES[name]
    Path(f"{name}.yaml").write_bytes(content)
    ended = ib_train(f"sweep={name}.yaml")
    assert ended.code == 2 and ended.err == f"ib-train: {name}.yaml: {told}\n"


@pytest.mark.parametrize("name", KINDS)
def test_a_study_that_is_no_file_is_told_by_its_kind(ib_train: Callable, name: str) -> None:
    make, kind = KINDS[name]
    make(f"{name}.yaml")
    ended = ib_train(f"sweep={name}.yaml")
    told = f"sweep={name}.yaml: {name}.yaml: a config must be a file, and this is {kind}"
    assert ended.code == 2 and ended.err == f"ib-train: {told}\n"
