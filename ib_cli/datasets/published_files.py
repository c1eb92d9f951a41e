"""The files of published data sets, each checked against its published checksum before it is used."""

from __future__ import annotations

import os
from hashlib import md5
from pathlib import Path

# Checked files of this process → their checksum: path, size, inode and times of change. A file that changes is checked
# again; nothing is kept between processes, as a disk may change bytes without a new time.
_checked: dict[tuple[str, int, int, int, int], str] = {}


def is_genuine(file: Path, checksum: str) -> bool:
    """Whether a file has this MD5 checksum. Raises OSError where it cannot be read."""
    with file.open("rb") as handle:
        key = _key(file, os.fstat(handle.fileno()))
        if key not in _checked:
            found = md5(usedforsecurity=False)  # what the publishers give; it tells damage, not malice
            while block := handle.read(1 << 20):
                found.update(block)
            _checked[key] = found.hexdigest()
    return _checked[key] == checksum


def genuine(file: Path, checksum: str) -> bytes | None:
    """The bytes of a file, or None if they do not have this checksum. Raises OSError where it cannot be read."""
    with file.open("rb") as handle:
        key = _key(file, os.fstat(handle.fileno()))
        content = handle.read()
        if key not in _checked:
            _checked[key] = md5(content, usedforsecurity=False).hexdigest()
    return content if _checked[key] == checksum else None


def _key(file: Path, found: os.stat_result) -> tuple[str, int, int, int, int]:
    return str(file.resolve()), found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
