"""The flags of ib-train, which are Hydra's, among the words of a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

Words = list[str]
ALONE = {"--help": "-h", "--hydra-help": "", "--version": "", "--resolve": "", "--run": "-r", "--multirun": "-m",
         "--shell-completion": "-sc"}  # fmt: skip
WITH_VALUE = {"--cfg": "-c", "--package": "-p", "--config-path": "-cp", "--config-name": "-cn", "--config-dir": "-cd",
              "--experimental-rerun": "", "--info": "-i"}  # fmt: skip
LONG = [*ALONE, *WITH_VALUE]
SHORT = [flag for flag in (*ALONE.values(), *WITH_VALUE.values()) if flag]


def is_flag(word: str) -> bool:
    """Whether a word begins as a flag does and is no number."""
    return bool(re.match(r"--?[A-Za-z?]", word))


def unknown_flag(words: Sequence[str]) -> str | None:
    """The first flag that is not written in full: Hydra would take `--multi` for `--multirun`, and we not."""
    flags = (word.partition("=")[0] for word in words if is_flag(word))
    return next((flag for flag in flags if flag not in LONG and flag not in SHORT), None)


def marked(words: Words) -> list[tuple[str, bool]]:
    """Each word, and whether it is a flag or a flag's value."""
    found, waits = [], False
    for word in words:
        found.append((word, is_flag(word) or waits))
        waits = is_flag(word) and (word in WITH_VALUE or word in WITH_VALUE.values())
    return found


def split(words: Words) -> tuple[Words, Words]:
    """Flags with their values, and the other words."""
    return [word for word, flag in marked(words) if flag], [word for word, flag in marked(words) if not flag]
