"""run.log: the program's log of a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ib_cli.system.atomic import writing
from ib_cli.system.own_files import own_file
from ib_cli.system.plain_text import printable_lines
from ib_cli.system.secrets import hidden, told_line

LOGGER = logging.getLogger("ib_cli")
ONCE = {"once": True}  # `extra` of a warning that many runs of a study share: printed once, and in each run's log
printed: set[str] = set()  # such warnings, as this command printed them; a new command empties it


class _Format(logging.Formatter):
    """A line for each message, whatever it holds, without secrets; below it the traceback of an error."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (a name of logging's)
        record.message = told_line(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Called by logging."""
        return printable_lines(hidden(super().format(record)))


FORMAT = _Format("%(asctime)s %(levelname)s %(message)s")


class _Warnings(logging.Handler):
    """Prints warnings, such as a tracker that gave up, to the present standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno != logging.WARNING:
            return
        line = told_line(record.getMessage())
        if getattr(record, "once", False):
            if line in printed:
                return
            printed.add(line)
        print(f"ib-train: {line}", file=sys.stderr)


class _File(logging.FileHandler):
    """A file that stops being written where it cannot be, with one line on standard error."""

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=own_file)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (a name of logging's)
        """Called by logging within its handling of the error."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        print(f"ib-train: cannot write {self.baseFilename} ({error.strerror or error})", file=sys.stderr)
        self.setLevel(logging.CRITICAL + 1)

    def close(self) -> None:
        """Closes the file; what a full disk did not take is lost, as has been told."""
        try:
            super().close()
        except OSError as error:
            logging.getLogger("ib_cli").info("run.log: %s", error)


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Within the block, what the program logs goes to run.log, and warnings to standard error as well.

    Raises WriteError where run.log cannot be opened. Where it cannot take any more, the block goes on without it.
    """
    with writing(folder / "run.log"):
        file = _File(folder / "run.log", encoding="utf-8")
    file.setFormatter(FORMAT)
    try:
        with _handled(file, _Warnings()):
            yield
    finally:
        file.close()


class _OfGroup(_Warnings):
    """Prints warnings, and adds them to the run.log of each run. Where a run's own log is open, that one is enough."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = folders

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno != logging.WARNING or any(isinstance(each, _File) for each in LOGGER.handlers):
            return
        super().emit(record)
        line = f"{FORMAT.format(record)} (of the {len(self.folders)} runs trained together)\n"
        for file in (folder / "run.log" for folder in self.folders):
            try:
                with open(
                    file, "a", encoding="utf-8", opener=own_file
                ) as log:  # not kept open: a group may have hundreds
                    log.write(line)
            except OSError as error:
                print(f"ib-train: cannot write {file} ({error.strerror or error})", file=sys.stderr)


@contextmanager
def log_of_group(folders: Sequence[Path]) -> Iterator[None]:
    """Within the block, warnings go to standard error and to the run.log of every run of a group.

    Within a `log_file` they go to that one alone.
    """
    with _handled(_OfGroup(folders)):
        yield


@contextmanager
def _handled(*handlers: logging.Handler) -> Iterator[None]:
    """Within the block, what the program logs goes to these handlers as well."""
    level = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    for handler in handlers:
        LOGGER.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
