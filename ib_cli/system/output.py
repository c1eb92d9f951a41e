"""Standard output, whose errors have a name: a full disk behind it, or a reader that has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ib_cli.contracts.errors import OutputError

NAME = "standard output"


class _Named:
    """A stream whose errors are OutputErrors, but for a broken pipe's, which tells enough."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's."""
        with _naming():
            return self._stream.write(text)

    def flush(self) -> None:
        """As the stream's."""
        with _naming():
            self._stream.flush()


@contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(NAME, error) from error


@contextmanager
def named_output() -> Iterator[None]:
    """Within the block standard output raises OutputError where it cannot be written, at the latest at its end.

    Raises OutputError at once where standard output is closed: the next file that is opened would take its place.
    """
    stream = sys.stdout
    if stream is None:
        raise OutputError(NAME, OSError("it is closed"))
    named = _Named(stream)
    sys.stdout = named
    try:
        yield
        named.flush()
    finally:
        sys.stdout = stream


def drop_output() -> None:
    """Let nothing more reach standard output, which cannot be written: Python would try, and say so, as it ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
