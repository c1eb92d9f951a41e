"""Entropies of the representation along the runs, by estimates: what Figure 5 of Unpacking shows, a panel per curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.estimated import Course, Estimated

OF_Z, OF_Z_GIVEN_Y, OF_NOISE = "H[Z]", "H[Z|Y]", "H[Z|X]"
MARGIN = 0.05  # of the extent, above and below
ZERO = 1e-3  # nats: an H[Z|X] nearer to 0 than this is that of noise of zero entropy, up to rounding


class Panel(NamedTuple):
    """One quantity of the runs of one curve, by one estimator; `courses` maps a run's row to epochs and (n, 1) nats."""

    estimator: str
    quantity: str
    curve: str
    courses: Mapping[int, Course]


def panels(contents: Contents) -> list[list[Panel]]:
    """A row per estimator and quantity, a column per curve; none where no run was estimated at two epochs."""
    rows = [(*names, contents.estimated.courses(*names)) for names in _rows(contents.estimated)]
    if not any(len(course.epochs) > 1 for *_, courses in rows for course in courses.values()):
        return []
    curves = contents.by_curve({run for *_, courses in rows for run in courses}).items()
    return [
        [
            Panel(estimator, quantity, curve, {run: courses[run] for run in runs if run in courses})
            for curve, runs in curves
        ]
        for estimator, quantity, courses in rows
    ]


def limits(row: Sequence[Panel]) -> tuple[np.ndarray, np.ndarray]:
    """From where to where the axes of a row go, (2,) each, in epochs and nats: the same for all, and 0 is inside."""
    courses = [course for panel in row for course in panel.courses.values()]
    values = np.concatenate([course.values[:, 0] for course in courses])
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    margin = MARGIN * (high - low) or 1.0
    return np.array([0, max(course.epochs[-1] for course in courses) * 1.02]), np.array([low - margin, high + margin])


def _rows(estimated: Estimated) -> list[tuple[str, str]]:
    """H[Z] and H[Z|Y] of every estimator; and H[Z|X], of which all say the same, where it is not 0."""
    rows = [(name, entropy) for name in estimated.estimators(OF_Z) for entropy in (OF_Z, OF_Z_GIVEN_Y)]
    rows = [row for row in rows if estimated.courses(*row)]
    for name in estimated.estimators(OF_Z, OF_NOISE)[:1]:
        if any(np.abs(course.values).max() > ZERO for course in estimated.courses(name, OF_NOISE).values()):
            rows.append((name, OF_NOISE))
    return rows
