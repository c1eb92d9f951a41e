"""The lock of a folder: held by one process at most, and free as soon as that process is gone.

The system keeps it (flock), so that neither a process's number nor a host's name says whether it is held: two hosts may
have the same process number, and a file outlives a killed process. What the file says is for people.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import TextIO

from ib_cli.contracts.errors import NO_LOCKS
from ib_cli.system.own_files import own_file

MOMENT = 0.02  # seconds, at most, until another try: `holder` locks the file for an instant, too
TRIES = 100
LOCKLESS = "its file system has no locks, which keep two processes off one run"


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
        """Take the lock; False where another holds it.

        Raises OSError, with the reason and the file, where the file cannot be written or its file system has no locks.
        """
        held = open(self.file, "a+", encoding="utf-8", opener=own_file)  # noqa: SIM115 (held open)
        try:
            if not _taken(held):
                held.close()
                return False
            held.truncate(0)
            held.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}\n")
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
        """The process that holds the lock, as `process 12 on node7 since 2026-11-30 19:40:12`; empty where it is free.

        Of a lock that cannot be read it is empty, too.
        """
        try:
            with open(self.file, encoding="utf-8", errors="replace", opener=own_file) as file:
                return "" if _locked(file, fcntl.LOCK_SH) else file.readline().strip() or "another process"
        except OSError:
            return ""


def at_this_run(holder: str) -> str:
    """A sentence about a holder: `process 12 on node7 is at this run, since 2026-11-30 19:40:12`."""
    who, _, since = holder.partition(" since ")  # which earlier versions did not write
    return f"{who} is at this run, since {since}" if since else f"{who} is at this run"


def _taken(file: TextIO) -> bool:
    """Lock an open file for this process alone; False where another has done so.

    Processes that ask who holds it do not count.
    """
    for _ in range(TRIES):
        if _locked(file, fcntl.LOCK_EX):
            return True
        if not _locked(file, fcntl.LOCK_SH):
            return False
        fcntl.flock(file, fcntl.LOCK_UN)  # others only ask, and so did this
        time.sleep(random.uniform(0, MOMENT))
    return False


def _locked(file: TextIO, kind: int) -> bool:
    """Lock an open file; False where another holds a lock on it that excludes this one."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        why = f"{LOCKLESS}: {error.strerror}" if error.errno in NO_LOCKS else error.strerror
        raise OSError(error.errno, why, file.name) from error
    return True
