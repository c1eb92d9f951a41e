"""Death at a chosen write: SIGKILL to a process's group just before it changes its files for the n-th time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}  # as Python's audit names them
KILLED = "killed before "
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def die_at_write(number: int, told: str = "", name: str = "") -> None:
    """From here on count the changes of files below the working directory, and die before the one of this number.

    A change is a file opened to be written, written by `os.write` or brought to the disk; a name that is given, moved
    or removed. They count from 1; with 0 the process lives. A dying `os.write` leaves half of its bytes. `told`: a file
    elsewhere, which holds the number of changes so far. `name`: count those of files whose names end so.
    """
    home, changes = f"{Path.cwd()}{os.sep}", count(1)

    def last() -> bool:
        change = next(changes)
        if told:
            Path(told).write_text(str(change))
        return change == number

    def audit(event: str, arguments: tuple) -> None:
        opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if not (opened or event in CHANGES) or not isinstance(arguments[0], str | os.PathLike):
            return
        file = os.path.abspath(arguments[0])  # noqa: PTH100 (quick)
        if file.startswith(home) and file.endswith(name) and last():
            die(event, arguments[0])

    sys.addaudithook(audit)
    if not name:
        os.write, os.fsync = _half(home, last, os.write), _before(home, last, os.fsync)


def die(event: str, file: object) -> None:
    """SIGKILL to this process's group; standard error says before what."""
    try:
        os.write(2, f"\n{KILLED}{event} {file}\n".encode())
    finally:
        os.killpg(0, signal.SIGKILL)


def _name(handle: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    except OSError:  # it has been closed
        return ""


def _half(home: str, last: Callable[[], bool], write: Callable) -> Callable:
    def written(handle: int, content: bytes) -> int:
        if (file := _name(handle)).startswith(home) and last():
            write(handle, content[: len(content) // 2])
            die("half of", file)
        return write(handle, content)

    return written


def _before(home: str, last: Callable[[], bool], sync: Callable) -> Callable:
    def synced(handle: int) -> None:
        if (file := _name(handle)).startswith(home) and last():
            die("os.fsync", file)
        sync(handle)

    return synced


def main() -> None:
    """`python -m tests.faults.deaths NUMBER TOLD COMMAND WORD…`, where COMMAND is train, report, encode or evaluate."""
    number, told, command, *words = sys.argv[1:]
    die_at_write(int(number), told)
    from ib_cli import commands

    sys.argv = [f"ib-{command}", *words]
    getattr(commands, command)()


if __name__ == "__main__":
    main()
