"""study.log: the events of a study, a line each, from all multiruns that work on it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path


class StudyLog:
    """Appends lines such as `2026-11-21 10:00:00 [3fa2] 1/24 done  gamma=0.1`."""

    def __init__(self, file: Path, multirun: str) -> None:
        """`multirun` is a short name that tells the lines of one multirun from another's."""
        self.file, self.multirun = file, multirun

    def write(self, line: str) -> None:
        """Append a line with the time."""
        with self.file.open("a") as handle:
            handle.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} [{self.multirun}] {line}\n")
