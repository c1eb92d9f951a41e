"""Studies of one's own: `sweep=NAME` from a folder of --config-dir, and `sweep=my_study.yaml`, a file by its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ib_cli.config.unreadable_files import config_folders, no_plain_file, reading_error_of
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.home import expanded
from ib_cli.system.places import is_file

GLOBAL = "# @package _global_"
_HEADER = re.compile(r"^#\s*@package\s+_global_\s*$", re.MULTILINE)


def study_files(words: Sequence[str]) -> dict[str, Path]:
    """Value of `sweep=` → file, of the studies that a command names by a path. Raises ConfigError for no file."""
    found = {}
    for value in _chosen(words):
        if value.endswith((".yaml", ".yml")):
            if wrong := no_plain_file(file := expanded(value)):
                raise ConfigError(f"sweep={value}: {wrong}")
            if not is_file(file):
                raise ConfigError(f"sweep={value}: there is no such file")
            found[value] = file
    return found


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Within the block, which reads a study's file, an error that does not name the file is a ConfigError that does."""
    try:
        yield
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(reading_error_of(file, error)) from error


def check_headers(words: Sequence[str]) -> None:
    """Raises ConfigError for a study of a folder of one's own whose keys would all end up below `sweep`."""
    for value in _chosen(words):
        for folder in config_folders(words):
            file = folder / "sweep" / f"{value}.yaml"
            if is_file(file) and not _HEADER.search(file.read_text(encoding="utf-8", errors="replace")):
                raise ConfigError(f"{file}: a study must begin with the line '{GLOBAL}'")


def _chosen(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key.lstrip("+") == "sweep":
            yield value.strip("'\"")
