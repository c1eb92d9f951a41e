"""Whether a path that a person typed is a file or a folder: a text too long for a path, or with a NUL, is neither.

`Path.is_file` raises OSError for these.
"""

from __future__ import annotations

import os
from pathlib import Path


def is_file(path: str | Path) -> bool:
    """Whether there is a file at the path, links followed."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at the path, links followed."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Whether there is anything at the path, links followed."""
    return os.path.exists(path)  # noqa: PTH110
