"""The path of a run on the equilibrium surface: its lines of metrics.jsonl that have a `path_step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ib_cli.report.read.runs import RecordedRun

STEP = "path_step"  # 0 at the start, on the surface
PLACE = ("lambda", "gamma", "t")  # of a line: where on the surface
SUMMARY = ("path_steps", "C_0", "C_drift")  # of the train split, in result.json


@dataclass(frozen=True)
class RecordedPath:
    """n places of a path as one split saw them, in the order of their steps."""

    steps: np.ndarray  # (n,)
    epochs: np.ndarray  # (n,) trained in all
    values: Mapping[str, np.ndarray]  # measure → (n,); NaN where a line lacks it

    def __getitem__(self, measure: str) -> np.ndarray:
        """A measure along the path (n,); NaN where it was not recorded."""
        return self.values[measure] if measure in self.values else np.full(len(self.steps), np.nan)


def path_of(run: RecordedRun, split: str) -> RecordedPath | None:
    """The path of a run by one split, as far as it came; None without a step."""
    if STEP not in run.metrics:
        return None
    steps = run.metrics[STEP]
    rows = np.flatnonzero((run.splits == split) & np.isfinite(steps))
    if not len(rows):
        return None
    last = {float(steps[row]): row for row in rows}  # of a step that was written twice, the later line
    rows = np.array([last[step] for step in sorted(last)])
    values = {name: column[rows] for name, column in run.metrics.items()}
    return RecordedPath(values[STEP], values["epoch"], values)


def equilibrations(run: RecordedRun, split: str, measure: str) -> np.ndarray:
    """Epochs since the start of the path, and a measure of all lines from there on (n, 2).

    Empty where no line lies between two steps: the run did not record its equilibrations.
    """
    path = path_of(run, split)
    if path is None or measure not in run.metrics:
        return np.empty((0, 2))
    steps, epochs, values = (run.metrics[name] for name in (STEP, "epoch", measure))
    after = np.arange(len(steps)) >= np.flatnonzero(np.isfinite(steps))[0]
    rows = after & (run.splits == split) & np.isfinite(values)
    between = rows & ~np.isfinite(steps)
    return np.stack([epochs - path.epochs[0], values], 1)[rows] if between.any() else np.empty((0, 2))


def moved(run: RecordedRun) -> bool:
    """True if λ, γ or t changed on the way: the multipliers of the config are then those of the start alone."""
    if STEP not in run.metrics:
        return False
    rows = np.isfinite(run.metrics[STEP])
    along = [run.metrics[name][rows] for name in PLACE if name in run.metrics]
    return any(np.ptp(known) > 0 for values in along if len(known := values[np.isfinite(values)]))


def summary(run: RecordedRun) -> dict[str, float]:
    """The last step, C at the start, and the largest |C − C_0|/C_0 on the train split, as result.json has them.

    {} without a path.
    """
    path = path_of(run, "train")
    if path is None:
        return {}
    found = {"path_steps": float(path.steps[-1])}
    first = float(path["C"][0])
    if np.isfinite(first) and first > 0:
        found |= {"C_0": first, "C_drift": float(np.nanmax(np.abs(path["C"] - first))) / first}
    return found
