"""Whole multiruns, from the command to the closing table: records, evaluations and checkpoints included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import timed
from benchmarks.measure import Measure, Options, Ratio, Row, columns, in_turns
from benchmarks.step import SMALL, mnist

TITLE = "A whole multirun"
PROCESSES, JOBS = 5, 100
MOST_TURNS = 2  # a turn takes minutes
WITHOUT = ("figures=false", "estimators=none", "device=cpu")
TINY = ("architecture.widths=[64]", "bottleneck.size=16", "epochs=1", *WITHOUT)


def rows(options: Options) -> Iterator[Row]:
    """32 points on MNIST with both launchers; 100 tiny jobs with both, against 100 processes."""
    turns = min(options.repeats, MOST_TURNS)
    words = (*mnist(options, *SMALL), "dataset.train_size=20000", "dataset.test_size=2000", "epochs=3", *WITHOUT[:-1])
    words = (*words, f"gamma={spread(8)}", "seed=range(4)")
    pairs = in_turns([multirun("vectorized", words), multirun("sequential", words)], turns, warm_up=False)
    case = "32 points of MLP 784–256–32, 20,000 images × 3 epochs, launcher=vectorized; other: sequential"
    yield Ratio(case, pairs, least=4)

    words = (*TINY, f"gamma={spread(JOBS // 4)}", "seed=range(4)")
    sides = [multirun("vectorized", words), multirun("sequential", words), processes]
    measured = in_turns(sides, turns, warm_up=False)
    for i, launcher in enumerate(("vectorized", "sequential")):
        case = (
            f"{JOBS} tiny jobs, launcher={launcher}; other: {JOBS} processes ({PROCESSES} run, × {JOBS // PROCESSES})"
        )
        yield Ratio(case, columns(measured, i, 2), least=15)


def spread(count: int) -> str:
    """`count` values of γ from 1e-4 to below 1, for the command line."""
    return ",".join(f"{10 ** (-4 + 4 * i / count):.3e}" for i in range(count))


def multirun(launcher: str, words: tuple[str, ...]) -> Measure:
    """A measure of the seconds of a multirun, in an empty folder."""

    def measure() -> float:
        with TemporaryDirectory() as folder:
            return timed(Path(folder), "-m", f"hydra/launcher={launcher}", *words)

    return measure


def processes() -> float:
    """Seconds of 100 jobs, each in its own process, extrapolated from a few of them."""
    with TemporaryDirectory() as folder:
        spent = sum(timed(Path(folder), *TINY, f"seed={seed}") for seed in range(PROCESSES))
    return spent * JOBS / PROCESSES
