"""ib-train as a command, in fresh processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

IB_TRAIN = str(Path(sys.executable).with_name("ib-train"))


def timed(folder: Path, *words: str) -> float:
    """Seconds of one `ib-train` in this folder. Raises RuntimeError, with its output, where it fails."""
    begin = time.perf_counter()
    ended = subprocess.run([IB_TRAIN, *words], cwd=folder, capture_output=True, text=True)
    spent = time.perf_counter() - begin
    if ended.returncode:
        raise RuntimeError(f"ib-train {' '.join(words)} ended with {ended.returncode}: {ended.stderr or ended.stdout}")
    return spent
