"""run.log: the program's log of a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Warnings(logging.Handler):
    """Prints warnings, such as a tracker that gave up, to the present standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            print(f"ib-train: {record.getMessage()}", file=sys.stderr)


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Within the block, what the program logs goes to run.log, and warnings to standard error as well."""
    file = logging.FileHandler(folder / "run.log")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handlers = (file, _Warnings())
    logger = logging.getLogger("ib_cli")
    level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(level)
        file.close()
