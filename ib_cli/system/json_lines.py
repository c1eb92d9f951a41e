"""A file of JSON lines: appended to during a run, and cut back to the lines of a checkpoint on resuming."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ib_cli.contracts.errors import ConfigError
from ib_cli.system.atomic import as_json, write_atomically


class JsonLines:
    """The complete lines of a file; a line cut short by a kill does not count."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open: TextIO | None = None
        self._count: int | None = None  # number of complete lines, once it is known

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line and flush it."""
        if self._open is None:
            self._open = self.file.open("a")
        self._open.write(as_json(line) + "\n")
        self._open.flush()
        if self._count is not None:
            self._count += 1

    def read(self) -> list[dict[str, Any]]:
        """The complete lines so far."""
        return [json.loads(line) for line in self._whole()]

    def count(self) -> int:
        """Number of complete lines."""
        if self._count is None:
            self._count = len(self._whole())
        return self._count

    def keep(self, count: int) -> None:
        """Keep the first `count` lines only. Raises ConfigError if there are fewer, as lines have been lost."""
        self.close()
        whole = self._whole()
        if len(whole) < count:
            raise ConfigError(f"output: {self.file} has {len(whole)} lines where its checkpoint saw {count}: put them "
                              "back, or start this run anew with rerun=true")  # fmt: skip
        if self.file.exists():
            write_atomically(self.file, b"".join(whole[:count]))

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        if self._open is not None:
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

    def _whole(self) -> list[bytes]:
        lines = self.file.read_bytes().splitlines(keepends=True) if self.file.exists() else []
        return [line for line in lines if line.endswith(b"\n")]
