"""The plane of preserved information I[X;Z] and residual information I[X;Y|Z] (Unpacking §3.2), a panel per curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.estimated import Course
from ib_cli.report.quantities.hulls import on_hull

PRESERVED, RESIDUAL, SHARED = "I[X;Z]", "I[X;Y|Z]", "I[Y;Z]"


@dataclass(frozen=True)
class Panel:
    """What one estimator says of the runs of one curve, in nats.

    `courses` maps a run's row to its epochs and (I[X;Z], I[X;Y|Z]); `saturation` (m, 2) is the lower convex hull of
    the ends of those that are done, from left to right, empty where two ends or more do not make one.

    `relevant` is I[X;Y] = I[X;Y|Z] + I[Y;Z], which is H[Y] where x determines y; None where the runs have several. As
    I[Y;Z] ≤ I[X;Z], no representation lies below I[X;Y|Z] = I[X;Y] − I[X;Z], nor below 0 (Unpacking §3.2, Figure 2).
    """

    estimator: str
    curve: str
    courses: Mapping[int, Course]
    relevant: float | None
    saturation: np.ndarray


def panels(contents: Contents) -> list[list[Panel]]:
    """A row per estimator, a column per curve; what an estimator lacks of a curve is a panel without courses."""
    estimated = contents.estimated
    rows = [(name, estimated.courses(name, PRESERVED, RESIDUAL)) for name in estimated.estimators(PRESERVED, RESIDUAL)]
    rows = [(name, courses) for name, courses in rows if courses]
    curves = contents.by_curve({run for _, courses in rows for run in courses}).items()
    return [
        [_panel(contents, name, curve, {run: courses[run] for run in runs if run in courses}) for curve, runs in curves]
        for name, courses in rows
    ]


def limits(row: Sequence[Panel]) -> tuple[np.ndarray, np.ndarray]:
    """From where to where the axes of a row go, (2,) each, in nats: the same for all its panels, and 0 is inside."""
    values = np.concatenate([course.values for panel in row for course in panel.courses.values()])
    tops = [panel.relevant for panel in row if panel.relevant is not None]
    right, top = max(values[:, 0].max(), 0.0) * 1.04, max(values[:, 1].max(), *tops, 0.0) * 1.08
    left, bottom = min(values[:, 0].min(), -0.02 * right), min(values[:, 1].min(), -0.04 * top)
    return np.array([left, right]), np.array([bottom, top])


def floor(panel: Panel, across: np.ndarray) -> np.ndarray:
    """The least I[X;Y|Z] for each I[X;Z] (m, 2), between the ends of an axis; empty where I[X;Y] is not known."""
    if panel.relevant is None:
        return np.empty((0, 2))
    x = np.unique(np.clip([across[0], 0.0, panel.relevant, across[1]], *across))
    return np.stack([x, (panel.relevant - x.clip(min=0.0)).clip(min=0.0)], 1)


def _panel(contents: Contents, estimator: str, curve: str, courses: dict[int, Course]) -> Panel:
    ends = [courses[run].values[-1] for run in courses if contents.runs[run].status == "done"]
    return Panel(estimator, curve, courses, _relevant(contents, estimator, courses), _lower(np.array(ends)))


def _relevant(contents: Contents, estimator: str, runs: Mapping[int, Course]) -> float | None:
    found = contents.estimated.courses(estimator, RESIDUAL, SHARED)
    sums = [found[run].values[-1].sum() for run in runs if run in found]
    return float(sums[0]) if sums and np.allclose(sums, sums[0], rtol=1e-3) else None


def _lower(ends: np.ndarray) -> np.ndarray:
    if len(ends) < 2:
        return np.empty((0, 2))
    hull = ends[on_hull(ends)]
    hull = hull[hull[:, 0].argsort()]
    if (right := ends[:, 0].max()) > hull[-1, 0]:  # from the least on, more is preserved and nothing gained
        hull = np.concatenate([hull, [[right, hull[-1, 1]]]])
    return hull if len(hull) > 1 else np.empty((0, 2))
