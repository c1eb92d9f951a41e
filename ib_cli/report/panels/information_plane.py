"""The information plane as figure and page show it: its runs, its marks and its limits, in the report's units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.trajectories import epochs_of

MARGIN = 1.12  # right of the largest end
LEFT, LOGARITHMIC = 0.02, (0.5, 1.3)  # left of 0, relative to the right edge; factors beyond the ends of a log axis
BELOW, ABOVE = 0.04, 0.1  # relative to the height
NEAR = 0.25  # early epochs so far below the lowest end are shown, relative to the height; others may be far out
DECADES = 30  # the x axis is logarithmic if the right edge is over so many times the smallest end


class Limits(NamedTuple):
    """Ends of both axes in the report's units, and whether x is logarithmic."""

    left: float
    right: float
    bottom: float
    top: float
    logarithmic: bool


def shown_paths(contents: Contents) -> dict[int, np.ndarray]:
    """Row of a run → epoch, x, y (n, 3) in the units. Exact optima that limit the plane are runs only if alone."""
    scale = np.array([1.0, contents.scale("R"), contents.scale("R")])
    limiting = {run for runs in contents.plane_exact_limits.values() for run in runs}
    paths = contents.plane.paths
    return {run: path * scale for run, path in paths.items() if run not in limiting or limiting >= set(paths)}


def hollow_ends(contents: Contents) -> set[int]:
    """Runs whose end is a bound or a flagged estimate."""
    return {run for run in contents.plane.paths if contents.plane.hollow(run)[-1]}


def meaning(contents: Contents) -> str:
    """What hollow marks mean, or '' if there are none."""
    if contents.plane.estimator is None:
        return "bound"
    return "flagged: not to be trusted" if any(marks.any() for marks in contents.plane.flagged.values()) else ""


def outside(contents: Contents) -> str:
    """Which epochs lie beyond the axes: `epochs 1–3 lie outside`; '' if none does."""
    left, right, bottom, top, _ = limits(contents)
    points = np.concatenate(list(shown_paths(contents).values()))
    inside = (left <= points[:, 1]) & (points[:, 1] <= right) & (bottom <= points[:, 2]) & (points[:, 2] <= top)
    beyond = points[~inside, 0]
    return f"{epochs_of(beyond)} {'lies' if np.ptp(beyond) == 0 else 'lie'} outside" if len(beyond) else ""


def limits(contents: Contents) -> Limits:
    """All ends, and only the near part of the trajectories, as first epochs may be far out."""
    k = contents.scale("R")
    ends = np.array([path[-1, 1:] for path in contents.plane.paths.values()]) * k
    dots = np.concatenate(list(shown_paths(contents).values()))[:, 1:]
    right, smallest = MARGIN * max(ends[:, 0].max(), 1e-9), ends[:, 0].min()
    left, logarithmic = -LEFT * right, bool(smallest > 0 and right / smallest > DECADES)
    if logarithmic:
        left, right = smallest * LOGARITHMIC[0], right * LOGARITHMIC[1]
    top = ends[:, 1].max()
    if contents.plane.label_entropy is not None:
        top = max(top, contents.plane.label_entropy * k)
    low = min(0.0, ends[:, 1].min())
    near = dots[(left <= dots[:, 0]) & (dots[:, 0] <= right) & (dots[:, 1] >= low - NEAR * (top - low))]
    low = min(low, near[:, 1].min(initial=0.0))
    height = (top - low) or 1.0
    return Limits(float(left), float(right), float(low - BELOW * height), float(top + ABOVE * height), logarithmic)
