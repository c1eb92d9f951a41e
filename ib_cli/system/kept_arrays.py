"""Arrays that take long to make, kept on the disk for later processes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ib_cli.contracts.errors import WriteError
from ib_cli.system.atomic import write_atomically
from ib_cli.system.digests import sealed_zip, zip_notes
from ib_cli.system.folder_lock import FolderLock
from ib_cli.system.home import expanded

BETWEEN = 0.2  # seconds between looks at arrays that another process is making
QUIET = 5.0  # seconds of waiting that nobody is told of
PATIENCE = 600.0  # seconds of waiting for a process that may have been stopped

Arrays = Mapping[str, np.ndarray]


def kept_arrays(name: str, make: Callable[[], Arrays]) -> tuple[Arrays, tuple[str, ...]]:
    """The arrays kept under a name that says all that they depend on, or else those that `make` makes, which are kept.

    Of several processes one makes them, and the others wait for it, `PATIENCE` at most. A damaged file is made anew.
    Where nothing can be written the arrays are made each time, which the second result says.
    """
    folder = _cache() / name
    if (found := _read(folder / "arrays.npz")) is not None:
        return found, ()
    lock = FolderLock(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not _waited(lock):
            return make(), (f"{lock.holder() or 'another process'} does not end making {folder}: it is made here too",)
    except OSError as error:
        return make(), (f"{folder} cannot be written ({error.strerror or error}): what it would keep is made anew",)
    try:
        if (found := _read(folder / "arrays.npz")) is not None:
            return found, ()
        made = make()
        try:
            write_atomically(folder / "arrays.npz", _packed(made))
        except WriteError as error:
            return made, (f"{error}: what it would keep is made anew each time",)
        return made, ()
    finally:
        lock.release()


def _waited(lock: FolderLock) -> bool:
    """Take the lock, with a line on standard error where that takes long; False where another keeps it."""
    began, told = time.monotonic(), False
    while not lock.take():
        waited = time.monotonic() - began
        if waited > PATIENCE:
            return False
        if waited > QUIET and not told:
            who = lock.holder() or "another process"
            print(
                f"ib-train: waiting, for at most {PATIENCE:g} s, for {who}: it makes {lock.file.parent}",
                file=sys.stderr,
            )
            told = True
        time.sleep(BETWEEN)
    return True


def _cache() -> Path:
    """Where a person's programs keep what can be made again (the XDG base directories)."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else expanded("~/.cache").absolute()) / "ib-train"


def _read(file: Path) -> Arrays | None:
    """The arrays of a whole file; None where there is none, or it is damaged."""
    try:
        content = file.read_bytes()
        if zip_notes(content) is None:
            return None  # without a seal: not one of these files
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError):
        return None


def _packed(arrays: Arrays) -> bytes:
    handle, named = BytesIO(), dict[str, Any](arrays)
    np.savez(handle, **named)
    return sealed_zip(handle.getvalue(), {})
