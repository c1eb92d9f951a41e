"""What a person waits for: help, and a run's first training, each in a fresh process on files already read once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import IB_TRAIN, timed
from benchmarks.measure import Figure, Options, Row, in_turns

TITLE = "Start-up"
LONGEST = 120.0  # seconds until a run that has trained nothing is given up


def rows(options: Options) -> Iterator[Row]:
    """Seconds of `ib-train --help`, and until the default run has trained."""
    turns = in_turns([lambda: timed(Path.cwd(), "--help"), first_epoch], options.repeats)
    cases = (("ib-train --help", 1.2), ("ib-train, until its first epoch is recorded", 8))
    for (case, most), values in zip(cases, zip(*turns)):
        yield Figure(case, values, most=most, target=f"≤ {most} s")


def first_epoch() -> float:
    """Seconds from the command to the first line of metrics: 15 steps, so a little more than to the first step.

    Raises RuntimeError where the run ends before it, or the line does not come within LONGEST seconds.
    """
    with TemporaryDirectory() as folder:
        begin = time.perf_counter()
        run = subprocess.Popen([IB_TRAIN], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            while not any(file.stat().st_size for file in Path(folder).glob("outputs/*/*/metrics.jsonl")):
                if run.poll() is not None or time.perf_counter() - begin > LONGEST:
                    raise RuntimeError(f"ib-train has trained nothing: {run.communicate()[1]}")
                time.sleep(0.005)
            return time.perf_counter() - begin
        finally:
            run.send_signal(signal.SIGINT)
            run.communicate()
