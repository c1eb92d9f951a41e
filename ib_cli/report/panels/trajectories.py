"""A measure over the epochs, a line per run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ib_cli.report.panels.contents import Contents

MARGIN = 0.05  # above and below, relative to the extent
FLATTENED = 3.0  # the extent of all values over that of the settled ones: above this, the axis is of the latter


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
    """Limits of the values: of all, unless the first tenth of the lines is so far off that it would flatten the rest.

    Those limits leave first epochs outside, which `outside` tells.
    """
    lines = list(lines)
    everything = np.concatenate([line[:, 1] for line in lines])
    settled = np.concatenate([line[len(line) // 10 :, 1] for line in lines])
    shown = everything if np.ptp(everything) <= FLATTENED * np.ptp(settled) else settled
    low, high = float(shown.min()), float(shown.max())
    margin = MARGIN * (high - low) or MARGIN * abs(high) or 1.0
    return low - margin, high + margin


def outside(lines: Iterable[np.ndarray], limits: tuple[float, float]) -> str:
    """Which epochs of lines (n, 2) lie outside the limits of the values: `epochs 1–3 lie above`; '' if none does."""
    points = np.concatenate([*lines])
    parts = [
        f"{_epochs(points[beyond, 0])} {where}"
        for beyond, where in ((points[:, 1] > limits[1], "above"), (points[:, 1] < limits[0], "below"))
        if beyond.any()
    ]
    return " and ".join(parts)


def epochs_of(epochs: np.ndarray) -> str:
    """`epoch 1`, or `epochs 1–3`."""
    low, high = float(epochs.min()), float(epochs.max())
    return f"epoch {low:g}" if low == high else f"epochs {low:g}–{high:g}"


def _epochs(epochs: np.ndarray) -> str:
    return epochs_of(epochs) + (" lies" if np.ptp(epochs) == 0 else " lie")
