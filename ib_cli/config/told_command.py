"""A command as it may be kept in a file: the words as they were typed, without passwords and keys."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ib_cli.system.secrets import hidden, told_words

_typed: list[list[str]] = []  # the command of `typed_as`, while Hydra reads other words


@contextmanager
def typed_as(command: Sequence[str]) -> Iterator[None]:
    """Within the block this is the command as it was typed, whatever words `sys.argv` gives to Hydra."""
    _typed.append(list(command))
    try:
        yield
    finally:
        _typed.pop()


def typed_words() -> list[str]:
    """The command as it was typed, the program's name first."""
    return list(_typed[-1] if _typed else sys.argv)


def told_command(words: Iterable[str]) -> str:
    """The words as one line for a shell. Values whose key sounds like a secret are `***`, as are accounts in addresses.

    All that is put into the environment counts as secret.
    """
    return hidden(" ".join(map(_quoted, told_words(words))))


def _quoted(word: str) -> str:
    """A word for a shell; one with quotes of its own as a person would quote it: "name='1e-3'"."""
    plain = "'" in word and not set(word) & set('"$`\\!') and word.isprintable()
    return f'"{word}"' if plain else shlex.quote(word)
