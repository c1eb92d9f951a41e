"""Standard output, whose errors have a name: a full disk behind it, or a reader that has ended. It hides secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ib_cli.contracts.errors import OutputError
from ib_cli.system.secrets import hidden

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
            return self._stream.write(hidden(text))

    def flush(self) -> None:
        """As the stream's."""
        with _naming():
            self._stream.flush()


class _Hiding:
    """Standard error without secrets, whoever writes to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's."""
        return self._stream.write(hidden(text))


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
    stream, errors = sys.stdout, sys.stderr
    if stream is None:
        raise OutputError(NAME, OSError("it is closed"))
    named = _Named(stream)
    sys.stdout = named
    sys.stderr = None if errors is None else _Hiding(errors)
    try:
        yield
        named.flush()
    finally:
        sys.stdout, sys.stderr = stream, errors


def drop_output() -> None:
    """Let nothing more reach standard output, which cannot be written: Python would try, and say so, as it ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
