"""Atomic files: whenever the machine dies, a file is complete or absent."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from ib_cli.contracts.errors import WriteError
from ib_cli.system.own_files import open_new

# The disk, or the system, makes no second name for a file.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
LEFT = 3600.0  # seconds after which a file that was to replace another counts as left by a killed process


def write_atomically(file: Path, content: str | bytes, previous: Path | None = None) -> None:
    """Replace a file as a whole: a kill leaves the old content or the new, never a part.

    For files that one process at a time writes, such as a run's, whose folder is locked. `previous`: the old content
    stays under this name. Raises WriteError, and leaves the old content, where the disk is full and the like.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        with writing(file):
            with open_new(part) as handle:
                handle.write(content.encode() if isinstance(content, str) else content)
                handle.flush()
                os.fsync(handle.fileno())
            if previous is not None and file.exists():
                _keep(file, previous)
            _replace_durably(part, file)
    finally:
        _remove(part)


def _keep(file: Path, previous: Path) -> None:
    """Give a file's content a second name, so that it outlives the file."""
    link = previous.with_name(f".{previous.name}.part")
    try:
        link.unlink(missing_ok=True)
        os.link(file, link)
        link.replace(previous)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        file.replace(previous)  # for a moment there is no `file`
    finally:
        link.unlink(missing_ok=True)  # it is left where both names were of one file before


def _replace_durably(part: Path, file: Path) -> None:
    """Rename a file whose content is on the disk already, and wait until its new name is on the disk too."""
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def replacing(file: Path, tidy: bool = True) -> Iterator[Path]:
    """Yields a path to write to; on leaving the block, the file at that path replaces `file` as a whole.

    The path is this block's alone: of several processes that write the same file, such as two multiruns of a study or
    two reports, the last one's content stays. `tidy`: remove what killed processes left beside the file, by a look at
    the whole folder. Raises WriteError, and leaves `file` as it was, where the block cannot write.
    """
    part = file.with_name(f".{file.name}.{uuid4().hex[:8]}.part")
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if tidy:
                _remove_left(file)
            open_new(part).close()  # what others open by its name is then no link that was laid there
            yield part
            part.replace(file)
    finally:
        _remove(part)


def _remove_left(file: Path) -> None:
    """Remove what killed processes left beside a file; `.NAME.part` is an earlier version's."""
    _remove(file.with_name(f".{file.name}.part"))
    with os.scandir(file.parent) as entries:
        beside = [entry for entry in entries if entry.name.endswith(".part")]
    for entry in beside:
        if entry.name.startswith(f".{file.name}."):
            with suppress(OSError):  # its own process has just replaced or removed it
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT:
                    Path(entry.path).unlink()


def _remove(part: Path) -> None:
    with suppress(OSError):  # where there is no such folder, or no such name can be: the error that is told says so
        part.unlink()


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Within the block a system error is a WriteError that names the file: a full disk's names none by itself."""
    try:
        yield
    except OSError as error:
        raise WriteError(file, error) from error


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader accepts: numbers that are not finite become null."""

    def finite(part: Any) -> Any:
        if isinstance(part, float) and not math.isfinite(part):
            return None
        if isinstance(part, Mapping):
            return {key: finite(inner) for key, inner in part.items()}
        return [finite(inner) for inner in part] if isinstance(part, list | tuple) else part

    return json.dumps(finite(value), indent=indent, allow_nan=False)


def check_regular(file: Path) -> None:
    """Raises OSError for a pipe or a folder in the place of a file: to open a pipe may wait for ever."""
    if file.exists() and not (file.is_file() or file.is_char_device()):  # such as /dev/null
        raise OSError(errno.EINVAL, "it is no file", str(file))
