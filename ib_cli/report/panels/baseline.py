"""The line of a linear Gaussian model beside paths, from runs of reverse water-filling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents

RATE, DISTORTIONS = "R", ("D", "D_error")
BESIDE = 0.25  # shown on either side of the paths, relative to their extent


class Baseline(NamedTuple):
    """The curve's name, and its points (n, 2) in the units."""

    name: str
    points: np.ndarray


def baselines(contents: Contents, x: str, y: str, low: float, high: float) -> list[Baseline]:
    """What linear Gaussian models attain at and beside x from `low` to `high`, by rising x; [] but for R and a D."""
    found: list[Baseline] = []
    table = contents.points.table
    if x != RATE or y not in DISTORTIONS or y not in table:
        return found
    beside = BESIDE * (high - low)
    for curve in contents.baselines:
        rows = table[table["curve"] == curve].sort_values(x)
        points = rows[[x, y]].to_numpy(dtype=float) * [contents.scale(x), contents.scale(y)]
        shown = np.isfinite(points).all(1) & (points[:, 0] >= low - beside) & (points[:, 0] <= high + beside)
        if shown.any():
            found.append(Baseline(curve, points[shown]))
    return found
