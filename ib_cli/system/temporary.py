"""A place for temporary files on a machine that has none but the folder of the outputs."""

from __future__ import annotations

import tempfile
from pathlib import Path


def settle_temporary(folder: Path) -> None:
    """Let temporary files of this process lie in `folder`, where TMPDIR, /tmp and the like cannot be written.

    torch, torchvision and Matplotlib do not import without such a place. `folder` need not be there yet: they ask for
    its name, and write there at a run's end, or not at all.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # what Python says where it has tried them all
        tempfile.tempdir = str(folder.absolute())
