"""Nearest-neighbour estimates against a ball tree with one query per sample, on small samples; one thread.

`python -m benchmarks.estimators` measures larger samples, memory and other packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.estimators import cases, timed
from benchmarks.measure import Measure, Options, Ratio, Row, in_turns

TITLE = "Estimates of information from samples"
SAMPLES, DIMENSIONS = 4000, 50


def rows(options: Options) -> Iterator[Row]:
    """Seconds of each estimate, ours in its own norm, bare like the tree and with the checks that are the default."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # like the trees
    try:
        for name, sides in cases(SAMPLES, DIMENSIONS).items():
            case = f"{name}, {SAMPLES} samples of {DIMENSIONS} dimensions; other: ball tree"
            for side, what in (("ours", ""), ("checked", ", with all checks")):
                turns = in_turns([partial(_seconds, sides[side]), partial(_seconds, sides["peer"])], options.repeats)
                yield Ratio(case + what, turns)
    finally:
        torch.set_num_threads(threads)


def _seconds(estimate: Measure) -> float:
    return timed(estimate)[0]
