"""The outcomes of a multirun's jobs, and their files. Imports no torch: the process that only watches reads it too."""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ib_cli.contracts.errors import WriteError
from ib_cli.system.atomic import replacing, writing
from ib_cli.system.folder_lock import FolderLock
from ib_cli.system.own_files import make_own_folder
from ib_cli.system.secrets import hidden, told_words

FAILED = ("failed", "wrong")
UNWRITTEN: dict[Path, Outcome] = {}  # file → what this process could not write to it
TRIES = 100  # to make a folder among others, which tidy up
TOKEN = "IB_TRAIN_JOBS"  # environment variable: tells multiruns of one study apart, in every process


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job so far.

    `status`: waiting, running, stopped (by a signal, saved), done, skipped (done before), busy (another process has
    it), failed (it began, then an error ended it) or wrong (its config is wrong).
    """

    status: str
    overrides: tuple[str, ...] = ()  # the command line's, for this job
    folder: str = ""  # the run's folder, once it is known
    test: dict[str, float | None] = field(default_factory=dict)  # measures of the test split
    seconds: float | None = None
    error: str = ""
    maker: str = ""  # of a skipped run: the version that made it, if another than this one

    def __post_init__(self) -> None:
        """Leaves secrets out: an outcome is written to a file, and shown."""
        object.__setattr__(self, "overrides", tuple(told_words(self.overrides)))
        object.__setattr__(self, "error", hidden(self.error))

    @property
    def exit_code(self) -> int:
        """0: done. 1: not done. 2: wrong."""
        return {"done": 0, "skipped": 0, "wrong": 2}.get(self.status, 1)


class Jobs:
    """The jobs of one multirun as files in a folder: whichever process runs a job writes, the first process reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FolderLock(folder)

    @classmethod
    def of(cls, hydra: Any) -> Jobs:
        """The jobs of this process's multirun; `hydra` is the config's node of that name."""
        token = hydra.job.env_set.get(TOKEN) or os.environ.get(TOKEN, "here")
        return cls(Path(hydra.sweep.dir) / ".jobs" / token)

    @property
    def name(self) -> str:
        """Four letters that tell this multirun from others of the study."""
        return self.folder.name[:4]

    def claim(self) -> None:
        """In the multirun's first process: make and lock the folder; delete folders that no process locks any more.

        Raises OSError where it cannot be made, WriteError on a full disk or a file system without locks.
        """
        for _ in range(TRIES):
            if self._claimed():
                break
        else:
            raise OSError(errno.EBUSY, "others delete it as it is made", str(self.folder))
        for other in self.folder.parent.iterdir():
            if other == self.folder or other.is_symlink() or not other.is_dir():
                continue
            with suppress(OSError):  # a folder whose lock is no file: nothing of ours
                if (lock := FolderLock(other)).take():
                    shutil.rmtree(other, ignore_errors=True)  # left by a killed process
                    lock.release()

    def _claimed(self) -> bool:
        """Make the folder and lock it; False where another multirun took it for a killed one's, and deleted it."""
        new = self.folder.with_name(f".{self.folder.name}")  # it has its name only once it is locked
        self._lock = FolderLock(new)
        _make_among_others(new)
        try:
            with writing(new / ".lock"):
                if not self._lock.take():
                    return False
        except WriteError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            shutil.rmtree(new)
            with suppress(OSError):  # other multiruns of the study have folders there
                new.parent.rmdir()
            raise
        try:
            new.rename(self.folder)
        except FileNotFoundError:
            self._lock.release()
            return False
        return True

    def write(self, number: int, outcome: Outcome) -> None:
        """Replace a job's outcome. On a full disk it is kept in this process: the other jobs go on."""
        try:
            with replacing(self.folder / f"{number}.json", tidy=False) as part:  # a folder for this multirun alone
                part.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        except WriteError:  # the job's own error, or its folder's, says that the disk is full
            UNWRITTEN[self.folder / f"{number}.json"] = outcome
        else:
            UNWRITTEN.pop(self.folder / f"{number}.json", None)

    def read(self) -> dict[int, Outcome]:
        """Every job that has begun, by its number."""
        entries = os.scandir(self.folder) if self.folder.is_dir() else ()
        names = [entry.name for entry in entries if entry.name.endswith(".json") and not entry.name.startswith(".")]
        found: dict[int, Outcome] = {}
        for name in names:
            known = json.loads((self.folder / name).read_text(encoding="utf-8"))
            found[int(name.removesuffix(".json"))] = Outcome(**{**known, "overrides": tuple(known["overrides"])})
        unwritten = {int(file.stem): outcome for file, outcome in UNWRITTEN.items() if file.parent == self.folder}
        return dict(sorted({**found, **unwritten}.items()))

    def remove(self) -> None:
        """Delete the files; the runs' own records stay."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)  # a process that still writes there makes it anew
        with suppress(OSError):  # other multiruns of the study have folders there
            self.folder.parent.rmdir()


def _make_among_others(folder: Path) -> None:
    """Make a folder in one that other multiruns make and remove, as the first that begins and the last that ends."""
    for left in reversed(range(TRIES)):
        try:
            make_own_folder(folder.parent)  # a link in its place would have others' folders deleted by `claim`
            folder.mkdir(exist_ok=True)
            return
        except (FileNotFoundError, FileExistsError):  # removed between two statements
            if not left:
                raise
