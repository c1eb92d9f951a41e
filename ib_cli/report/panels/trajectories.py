"""A measure over the epochs, a line per run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ib_cli.report.panels.contents import Contents

MARGIN = 0.05  # above and below, relative to the extent


def trajectories(contents: Contents, name: str) -> dict[int, np.ndarray]:
    """Row of a run → epochs and values (n, 2) of a measure on the report's split, in the units.

    Without optima that no training reached. Empty if all runs are finished and have one epoch.
    """
    lines = {}
    for i, run in enumerate(contents.runs):
        if run.exact or run.baseline:
            continue
        if name in run.metrics and "epoch" in run.metrics:
            line = np.stack([run.metrics["epoch"], run.metrics[name] * contents.scale(name)], 1)
            line = line[(run.splits == contents.split) & np.isfinite(line).all(1)]
            if len(line):
                lines[i] = line
    drawn = any(len(line) > 1 or contents.runs[run].status != "done" for run, line in lines.items())
    return lines if drawn else {}


def value_limits(lines: Iterable[np.ndarray]) -> tuple[float, float]:
    """Limits of the values without the first tenth of each line, which may start far off and would flatten the rest."""
    settled = np.concatenate([line[len(line) // 10 :, 1] for line in lines])
    low, high = float(settled.min()), float(settled.max())
    margin = MARGIN * (high - low) or MARGIN * abs(high) or 1.0
    return low - margin, high + margin
