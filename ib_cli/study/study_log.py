"""study.log: the events of a study, a line each, from all multiruns that work on it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from ib_cli.contracts.errors import WriteError
from ib_cli.system.own_files import own_file
from ib_cli.system.secrets import told_line


class StudyLog:
    """Appends lines such as `2026-11-21 10:00:00 [3fa2] 1/24 done  gamma=0.1`."""

    def __init__(self, file: Path, multirun: str) -> None:
        """`multirun` is a short name that tells the lines of one multirun from another's."""
        self.file, self.multirun = file, multirun
        self._failed = False

    def write(self, line: str) -> None:
        """Append a line with the time. Where that fails, standard error says so once, and the study goes on."""
        try:
            with open(self.file, "a", encoding="utf-8", opener=own_file) as handle:
                handle.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} [{self.multirun}] {told_line(line)}\n")
        except OSError as error:
            if not self._failed:
                print(f"ib-train: {WriteError(self.file, error)}", file=sys.stderr)
            self._failed = True
