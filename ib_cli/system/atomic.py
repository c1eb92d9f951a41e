"""Atomic files: whenever the machine dies, a file is complete or absent."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_atomically(file: Path, content: str | bytes) -> None:
    """Replace a file as a whole: a kill leaves the old content or the new, never a part."""
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as handle:
        handle.write(content.encode() if isinstance(content, str) else content)
        handle.flush()
        os.fsync(handle.fileno())
    replace_durably(part, file)


def replace_durably(part: Path, file: Path) -> None:
    """Rename a file whose content is on the disk already, and wait until its new name is on the disk too."""
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yields a path to write to; on leaving the block, the file at that path replaces `file` as a whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader accepts: numbers that are not finite become null."""

    def finite(part: Any) -> Any:
        if isinstance(part, float) and not math.isfinite(part):
            return None
        if isinstance(part, Mapping):
            return {key: finite(inner) for key, inner in part.items()}
        return [finite(inner) for inner in part] if isinstance(part, list | tuple) else part

    return json.dumps(finite(value), indent=indent, allow_nan=False)
