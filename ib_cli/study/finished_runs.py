"""A study's folder → the runs in it that can be measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

MEASURES = re.compile(rb"^procedure:\n(?: .*\n)*?  run: (?!null$)", re.MULTILINE)  # in config.yaml, of a measurement


def holds_runs(folder: Path) -> bool:
    """Whether the folder is a study's: some folder in it is a run's."""
    return any(True for _ in folder.glob("*/config.yaml"))


def runs_to_measure(study: Path) -> list[Path]:
    """The folders of a study's runs in order of their names, without measurements of runs and runs without a model.

    Unfinished runs are among them: whoever measures them says so.
    """
    return [file.parent for file in sorted(study.glob("*/config.yaml")) if _has_a_model(file.parent)]


def _has_a_model(folder: Path) -> bool:
    """False for a run that measures another one, and one that is done and has no checkpoint."""
    try:
        if MEASURES.search((folder / "config.yaml").read_bytes()):
            return False
    except OSError:  # whoever measures it says why it cannot be read
        return True
    return (folder / "checkpoint.pt").exists() or not _done(folder)


def _done(folder: Path) -> bool:
    try:
        return json.loads((folder / "result.json").read_bytes()).get("status") == "done"
    except (OSError, ValueError, AttributeError):  # without a result, or damaged
        return False
