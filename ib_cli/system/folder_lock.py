"""The lock of a folder: held by one process at most, and free as soon as that process is gone."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path
from typing import TextIO

from ib_cli.system.own_files import own_file

MOMENT = 0.05  # seconds until a second try: `holder` locks the file for an instant, too


class FolderLock:
    """`.lock` in a folder, which names the process that holds it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".lock"
        self._held: TextIO | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._held is not None

    def take(self) -> bool:
        """Take the lock; False where another holds it. Raises OSError where the file cannot be written."""
        held = open(self.file, "a", encoding="utf-8", opener=own_file)  # noqa: SIM115 (held open)
        try:
            if not _locked(held):
                time.sleep(MOMENT)
                if not _locked(held):
                    held.close()
                    return False
            held.truncate(0)
            held.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            held.flush()
        except OSError:
            held.close()
            raise
        self._held = held
        return True

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def holder(self) -> str:
        """The process that holds the lock, such as `process 12 on node7`; empty where it is free."""
        try:
            with open(self.file, encoding="utf-8", errors="replace", opener=own_file) as file:
                return "" if _locked(file, fcntl.LOCK_SH) else file.readline().strip() or "another process"
        except OSError:
            return ""


def _locked(file: TextIO, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file; False where another holds a lock on it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
