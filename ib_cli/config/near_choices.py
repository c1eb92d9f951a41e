"""A word typed for a group that one of the group's keys takes: `estimators=kraskov`, `architecture=relu`.

For error messages. What a key takes is read from the comment beside it: `relu | softplus`, `any of mixture, kraskov`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ib_cli.config.catalogue import directory
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_words import squashed
from ib_cli.system.places import is_file, is_folder

_LINE = re.compile(r"^(\w+):\s*(\S.*?)\s+#\s*(.*)$", re.MULTILINE)  # key, default and comment
_BETWEEN = re.compile(r"[|,;:()]|\bor\b|\bof\b")  # the parts of a comment; a choice is a part by itself
_CHOICE = re.compile(r"\s*([a-z][\w]*)\s*")
_WORDED = re.compile(r"\[?[a-z$]")  # how a default begins that is a word or a list of words


def value_of_a_key(group: str, word: str, known: KnownKeys) -> tuple[str, str] | None:
    """The key of the group's chosen option, and its value, that a word stands for; None for other words."""
    for file in _files(group, known.chosen.get(group, "")):
        for key, default, comment in _LINE.findall(file.read_text(encoding="utf-8")):
            same = [choice for choice in _choices(default, comment) if squashed(choice) == squashed(word)]
            if same:
                return f"{group.replace('/', '.')}.{key}", f"[{same[0]}]" if default.startswith("[") else same[0]
    return None


def _files(group: str, option: str) -> Iterator[Path]:
    """The file of an option, then those that options of its group build on."""
    conf = directory("conf")
    own = conf / group / f"{option}.yaml"
    yield from (own,) if is_file(own) else ()
    shared = conf / f"{group}_options"
    yield from sorted(shared.glob("*.yaml")) if is_folder(shared) else ()


def _choices(default: str, comment: str) -> list[str]:
    """The words of a comment that are values of its key; of a sentence none."""
    if not _WORDED.match(default) or default in ("true", "false", "null"):
        return []
    found = [match[1] for part in _BETWEEN.split(comment) if (match := _CHOICE.fullmatch(part))]
    return found if len(found) > 1 else []
