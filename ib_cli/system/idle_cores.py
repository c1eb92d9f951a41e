"""The number of idle processors."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
MOMENT = 0.2  # seconds of watching
MOST_OF_IT = 0.6  # share of that time for which a processor must be idle


def free() -> int | None:
    """Number of processors that were idle while this process slept for a moment, at least 1; None without /proc/stat.

    Threads that synchronise after every product wait for the slowest thread: beside other work, for a very long time.
    """
    if not STAT.exists():
        return None
    before = _idle()
    time.sleep(MOMENT)
    whole = MOMENT * os.sysconf("SC_CLK_TCK")
    return max(1, sum(later - earlier > MOST_OF_IT * whole for earlier, later in zip(before, _idle())))


def _idle() -> list[int]:
    """Ticks that each processor has spent idle or waiting for a disk."""
    rows = [line.split() for line in STAT.read_text(encoding="ascii").splitlines() if line.startswith("cpu")]
    return [int(row[4]) + int(row[5]) for row in rows[1:]]  # the first is the sum
