"""TherML's toy model: a frontier of many points at once, against one after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import timed
from benchmarks.experiments import Solo, Together, made
from benchmarks.measure import Figure, Measure, Options, Ratio, Row, in_turns, microseconds

TITLE = "The frontier of TherML's toy model"
POINTS, ALONE, EPOCHS = 100, 2, 100  # an epoch has 100 steps
MOST_TURNS = 2  # a turn takes minutes
WORDS = (
    "dataset=therml_toy",
    "architecture=therml_toy",
    "objective=therml",
    "estimators=none",
    "figures=false",
    "delta=0.5",
    "sigma=0.1",
    f"epochs={EPOCHS}",
    "evaluate_every=25",
    "checkpoint_every=25",
)


def rows(options: Options) -> Iterator[Row]:
    """A step after the first ones, and the whole command of 10,000 steps per point, compiled and stacked."""
    together = Together([made(*WORDS, "device=cpu", f"gamma={gamma}", "compile=step") for gamma in spread(POINTS)])
    turns = in_turns([together.step, Solo(made(*WORDS, "device=cpu")).step], options.repeats)
    yield Ratio(f"A step of a point, {POINTS} stacked and compiled; other: one", turns, microseconds, least=100)

    case = f"{POINTS} points × {EPOCHS}00 steps, from the command to its end"
    sides = [command(POINTS, "hydra/launcher=vectorized", "compile=step"), command(ALONE, "hydra/launcher=sequential")]
    pairs = in_turns(sides, min(options.repeats, MOST_TURNS), warm_up=False)
    pairs = [(ours, other * POINTS / ALONE) for ours, other in pairs]
    yield Ratio(f"{case}; other: one after another ({ALONE} run, × {POINTS // ALONE})", pairs, least=30)
    yield Figure(case, [ours for ours, _ in pairs], most=60, target="≤ 60 s")


def spread(count: int) -> list[float]:
    """`count` values of γ from 0.1 to below 10."""
    return [10 ** (-1 + 2 * i / count) for i in range(count)]


def command(points: int, *words: str) -> Measure:
    """A measure of the seconds of a multirun of so many points, in an empty folder."""
    gammas = ",".join(f"{gamma:.4g}" for gamma in spread(points))

    def measure() -> float:
        with TemporaryDirectory() as folder:
            return timed(Path(folder), "-m", *WORDS, "device=cpu", *words, f"gamma={gammas}")

    return measure
