"""A command as it may be kept in a file: without passwords and keys."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ib_cli.system.secrets import hidden, told_words


def told_command(words: Iterable[str]) -> str:
    """The words as one line for a shell. Values whose key sounds like a secret are `***`, as are accounts in addresses.

    All that is put into the environment counts as secret.
    """
    return hidden(shlex.join(told_words(words)))
