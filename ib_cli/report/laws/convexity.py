"""Convexity of R(C, D, S), concavity of J in the multipliers, and least J of each point by its own weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.relation import Relation
from ib_cli.report.quantities import hulls

LAW = "convexity"


def convexity(grid: Grid) -> Iterator[Relation]:
    """Violations at each point, in nats; 0 is predicted.

    - R(C, D) is convex: height of R above the lower convex hull of all points (TherML §2)
    - J is concave along each multiplier in which it is linear: depth of J below the chord of its neighbours
    - J is least: J minus the least J of all points, by the point's own weights. Equivalent to concavity in all
      multipliers together, with the functionals as J's derivatives
    """
    lagrangian, values = grid.lagrangian, grid.values
    along = grid.axes[0] if grid.axes else next(iter(grid.at), "")
    others = [name for name in lagrangian.functionals if name != lagrangian.last]
    if others:
        points = np.stack([values[name] for name in (*others, lagrangian.last)], -1)
        heights = np.stack([_heights(one.reshape(-1, len(others) + 1)).reshape(one.shape[:-1]) for one in points])
        statement = f"{lagrangian.last}({', '.join(others)}) is convex"
        yield _violation(grid, statement, along, heights, values[lagrangian.last])
        yield _violation(grid, "J is least by a point's own weights", along, _excess(grid), values["J"])
    for name in grid.axes:
        if lagrangian.linear(name):
            below = _below_chord(grid, name)
            yield _violation(grid, f"J is concave in {GREEK[name]}", name, below, values["J"])


def _violation(grid: Grid, statement: str, along: str, violations: np.ndarray, of: np.ndarray) -> Relation:
    known = of[0][np.isfinite(of[0])]
    found = violations[None]
    none = np.where(np.isnan(found), np.nan, 0.0)
    return Relation(LAW, statement, grid, along, none, found, scale=float(np.ptp(known)))


def _heights(points: np.ndarray) -> np.ndarray:
    """Heights (n,) of points (n, d) above their lower convex hull, along the last coordinate; NaN for NaN points."""
    heights, known = np.full(len(points), np.nan), np.isfinite(points).all(1)
    if known.any():
        normals, offsets = hulls.lower_planes(points[known])
        standing = normals[:, -1] > hulls.ON
        above = (points[known] @ normals[standing].T - offsets[standing]) / normals[standing, -1]
        heights[known] = above.min(1).clip(min=0.0)
    return heights


def _excess(grid: Grid) -> np.ndarray:
    """J minus the least J of all points, by each point's own weights: (1 + seeds, *shape)."""
    names = grid.lagrangian.functionals
    weights = np.stack([np.broadcast_to(grid.lagrangian.weight(f, grid.at), grid.points.shape) for f in names], -1)
    weights = weights.reshape(-1, len(names))
    found = []
    for values in np.stack([grid.values[f] for f in names], -1):
        J = weights @ values.reshape(-1, len(names)).T  # owner of the weights, point
        known = np.isfinite(J.diagonal())
        least = np.where(np.isfinite(J), J, np.inf).min(1)
        found.append(np.where(known, J.diagonal() - least, np.nan).reshape(grid.points.shape))
    return np.stack(found)


def _below_chord(grid: Grid, name: str) -> np.ndarray:
    """Depth of J below the straight line between its neighbours along an axis; NaN at the ends."""
    axis, m = grid.axes.index(name) - len(grid.axes), grid.ticks[name]
    J = np.moveaxis(grid.values["J"], axis, -1)
    share = (m[1:-1] - m[:-2]) / (m[2:] - m[:-2])
    found = np.full(J.shape, np.nan)
    found[..., 1:-1] = (J[..., :-2] * (1 - share) + J[..., 2:] * share - J[..., 1:-1]).clip(min=0.0)
    return np.moveaxis(found, -1, axis)
