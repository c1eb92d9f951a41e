"""A file of JSON lines: appended to during a run, and cut back to the lines of a checkpoint on resuming."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ib_cli.contracts.errors import DamagedError
from ib_cli.system.atomic import as_json, write_atomically, writing
from ib_cli.system.own_files import own_file


class JsonLines:
    """The complete lines of a file; a line cut short by a kill does not count."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open: BinaryIO | None = None
        self._count: int | None = None  # number of complete lines, once it is known
        self._sha = sha256()  # of these lines, as they were written

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line, whole or not at all. Raises WriteError where it cannot be written."""
        content = as_json(line).encode() + b"\n"
        with writing(self.file):
            if self._open is None:
                self._open = open(self.file, "ab", buffering=0, opener=own_file)  # noqa: SIM115 (held open)
            _append(self._open.fileno(), content)
        if self._count is not None:
            self._count += 1
            self._sha.update(content)

    def read(self) -> list[dict[str, Any]]:
        """The complete lines so far. Raises DamagedError for a line that is no JSON."""
        return parsed(self.file, self._whole())

    def count(self) -> int:
        """Number of complete lines."""
        self._know()
        assert self._count is not None
        return self._count

    def digest(self) -> str:
        """SHA-256 of the complete lines as they were written, in hexadecimal digits."""
        self._know()
        return self._sha.hexdigest()

    def check(self, count: int, digest: str | None) -> None:
        """Raises DamagedError unless the first `count` lines are there, are JSON and have this digest, if there is one.

        The error names the file, and the line where that can be told.
        """
        whole = self._whole()
        if len(whole) < count:
            raise DamagedError(f"{self.file} has {len(whole)} lines where its checkpoint saw {count}")
        if digest == sha256(b"".join(whole[:count])).hexdigest():
            return
        parsed(self.file, whole[:count])
        if digest is not None:
            raise DamagedError(f"{self.file} is damaged: its first {count} lines are not what its checkpoint saw")

    def keep(self, count: int) -> None:
        """Keep the first `count` lines only."""
        self.close()
        if self.file.exists():
            write_atomically(self.file, b"".join(self._whole()[:count]))

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        if self._open is not None:
            with writing(self.file):
                os.fsync(self._open.fileno())

    def delete(self) -> None:
        """Remove the file."""
        self.close()
        self.file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None
        self._count = None

    def _know(self) -> None:
        if self._count is None:
            whole = self._whole()
            self._count, self._sha = len(whole), sha256(b"".join(whole))

    def _whole(self) -> list[bytes]:
        if self.file.exists() and not self.file.is_file():  # to read a pipe may wait for ever
            raise DamagedError(f"{self.file} is no file")
        lines = self.file.read_bytes().split(b"\n") if self.file.exists() else [b""]
        return [line + b"\n" for line in lines[:-1]]  # what follows the last line break is not whole


def parsed(file: Path, lines: list[bytes]) -> list[dict[str, Any]]:
    """The lines' objects. Raises DamagedError, naming file and line, for a line that no run writes."""
    found = []
    for number, line in enumerate(lines, 1):
        try:
            value = _DECODER.decode(line.decode())
        except (ValueError, RecursionError):  # no JSON, or no UTF-8
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("epoch", 0), int):
            raise DamagedError(f"{file} is damaged: line {number} is not what was written")
        found.append(value)
    return found


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refused)  # one for all lines: json.loads would make one for each


def _append(handle: int, content: bytes) -> None:
    """Write all of it at the file's end. On a full disk nothing of it stays: the file ends with a whole line."""
    before = os.fstat(handle).st_size
    try:
        while content:
            content = content[os.write(handle, content) :]
    except OSError:
        with suppress(OSError):  # the first error is the one to tell; readers leave out a last line that is cut
            os.ftruncate(handle, before)
        raise
