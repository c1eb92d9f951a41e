"""How one job of the command line stands or ended. Imports no torch: the process that only watches reads it too."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

FAILED = ("failed", "wrong")
TOKEN = "IB_TRAIN_JOBS"  # names this multirun's jobs among those of the same study, in every process


@dataclass(frozen=True)
class Outcome:
    """A job: waiting, running, done, skipped (it was done before), busy (another process is at it), failed (it
    started and could not end well) or wrong (its config is)."""

    status: str
    overrides: tuple[str, ...] = ()  # the command line's, of this job
    folder: str = ""  # the run's, once it is known
    test: dict[str, float | None] = field(default_factory=dict)  # measures of the test split
    seconds: float | None = None
    error: str = ""

    @property
    def exit_code(self) -> int:
        """0 done; 1 not; 2 wrong."""
        return {"done": 0, "skipped": 0, "wrong": 2}.get(self.status, 1)


class Jobs:
    """The jobs of one multirun as files in a folder: whichever process runs a job writes, the first process reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, number: int, outcome: Outcome) -> None:
        """Replace what is known of a job."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{number}.part"
        part.write_text(json.dumps(asdict(outcome)))
        part.replace(self.folder / f"{number}.json")

    def read(self) -> dict[int, Outcome]:
        """Every job that has begun, by its number."""
        if not self.folder.is_dir():
            return {}
        files = [entry.name for entry in os.scandir(self.folder) if entry.name.endswith(".json")]
        found = {int(name.removesuffix(".json")): json.loads((self.folder / name).read_text()) for name in files}
        return {
            number: Outcome(**{**known, "overrides": tuple(known["overrides"])})
            for number, known in sorted(found.items())
        }

    def remove(self) -> None:
        """Delete the files; the runs' own records stay."""
        shutil.rmtree(self.folder, ignore_errors=True)  # a process that still writes there makes it anew
        with suppress(OSError):  # other multiruns of the study keep theirs there
            self.folder.parent.rmdir()
