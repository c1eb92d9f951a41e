"""Steps of training and estimates on a CUDA device, against what the device can do in the same minutes.

Without a device the rows say that they were not run; `--tiny` runs all of them on a CPU, small, to try the section. The
rows come in the order of their weight, each within its seconds; one that fails is told in a line, and the others go on.
No data set is needed: images are random, as times do not depend on what they show.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NamedTuple

import torch

from benchmarks import gpu_cases as cases
from benchmarks.gpu_floors import Floors, floor_rows, measured
from benchmarks.gpu_scale import FULL, TINY, Scale
from benchmarks.measure import NotRun, Options, Row
from ib_cli.contracts.errors import in_a_line

TITLE = "On a GPU"


class Case(NamedTuple):
    """Some rows that are measured together."""

    name: str
    target: str
    seconds: int  # that they may take
    rows: Callable[[Scale, Floors, Path, int], list[Row]]


CASES = (
    Case("64 of MLP 784–1024–1024–512", "≤ 40 µs per model and step, ≥ 10×", 60, cases.large),
    Case("64 of MLP 784–256–32", "≥ 40×", 40, cases.small),
    Case("ResNet18 on 32×32 images, bf16", "≥ 25,000 images/s", 60, cases.resnet),
    Case("100 of TherML's toy, compiled: 10,000 steps of all", "≤ 2 s", 90, cases.toys),
    Case("KSG and Ross at N = 50,000", "", 60, cases.neighbours),
    Case("64 of MLP 784–1024–1024–512 in TF32 and bf16", "≤ 40 µs per model and step", 60, cases.large_in_fewer_bits),
    Case("compiled steps: CUDA graphs", "", 90, cases.graphs),
)


def rows(options: Options) -> Iterator[Row]:
    """The floors, then all cases."""
    if not torch.cuda.is_available() and not options.tiny:
        yield from (NotRun(case.name, case.target) for case in CASES)
        return
    scale = TINY if options.tiny else FULL
    end = None if options.seconds is None else time.monotonic() + options.seconds
    with TemporaryDirectory() as folder:
        floors = measured(scale)
        yield from floor_rows(floors)
        for case in CASES:
            yield from within(case, scale, floors, Path(folder), options.repeats, end)


def within(case: Case, scale: Scale, floors: Floors, folder: Path, repeats: int, end: float | None) -> list[Row]:
    """The rows of a case; one row with the reason where it fails, or where too little time is left."""
    left = case.seconds if end is None else min(case.seconds, int(end - time.monotonic()))
    if left < 1:
        return [NotRun(case.name, case.target, "no time left")]
    try:
        with alarm(left):
            return case.rows(scale, floors, folder, repeats)
    except Exception as error:  # such as memory that ran out: the other rows can be measured all the same
        return [NotRun(case.name, case.target, f"failed: {in_a_line(error)[:200]}")]
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in the block when the seconds are over."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
