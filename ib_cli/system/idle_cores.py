"""How many of the machine's processors others leave free."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
MOMENT = 0.2  # seconds to watch them for
MOST_OF_IT = 0.6


def free() -> int | None:
    """Processors that had nothing to do in a moment in which we slept, at least 1; None where the system does not tell.

    Threads that meet after every product wait for the slowest, and beside other work for a very long time.
    """
    if not STAT.exists():
        return None
    before = _idle()
    time.sleep(MOMENT)
    whole = MOMENT * os.sysconf("SC_CLK_TCK")
    return max(1, sum(later - earlier > MOST_OF_IT * whole for earlier, later in zip(before, _idle())))


def _idle() -> list[int]:
    """Ticks that each processor has spent idle or waiting for a disk."""
    rows = [line.split() for line in STAT.read_text().splitlines() if line.startswith("cpu")]
    return [int(row[4]) + int(row[5]) for row in rows[1:]]  # the first is the sum
