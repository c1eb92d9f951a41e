"""The Pareto set and the lower convex hull of points in two or three dimensions, every one of them minimised."""

from __future__ import annotations

import numpy as np

ON = 1e-9  # of the extent: closer to the hull than this is on it


def pareto(points: np.ndarray) -> np.ndarray:
    """Which of the points (n, d) no other one dominates: nowhere larger and somewhere smaller."""
    best = np.ones(len(points), dtype=bool)
    for i, point in enumerate(points):
        nowhere_larger = (points <= point).all(1)
        best[i] = not (nowhere_larger & (points < point).any(1)).any()
    return best


def lower_planes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The planes n·p = c with unit n ≥ 0, (m, d) and (m,), that bound the points' convex hull from below.

    They bound the hull plus the positive orthant: all that is reachable by mixing the points and wasting something.
    Its facets are those of the hull whose normals are negative everywhere, found by Qhull (Barber et al. 1996), and,
    with a zero in the normal, those of the projections along each axis.
    """
    d = points.shape[1]
    if d == 1:
        return np.ones((1, 1)), points.min(0)
    normals, offsets = _strict(points)
    for axis in range(d):
        below, levels = lower_planes(np.delete(points, axis, 1))
        normals = np.concatenate([normals, np.insert(below, axis, 0.0, 1)])
        offsets = np.concatenate([offsets, levels])
    return normals, offsets


def distance(points: np.ndarray) -> np.ndarray:
    """The Euclidean distance (n,) of each point (n, d) to the lower convex hull of all."""
    normals, offsets = lower_planes(points)
    return (points @ normals.T - offsets).min(1).clip(min=0.0)


def on_hull(points: np.ndarray) -> np.ndarray:
    """Which of the points (n, d) lie on the lower convex hull and are not dominated."""
    extent = np.ptp(points, axis=0)
    scaled = (points - points.min(0)) / np.where(extent > 0, extent, 1.0)
    return pareto(points) & (distance(scaled) <= ON)


def _strict(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The planes whose normal is positive in every coordinate."""
    from scipy.spatial import ConvexHull, QhullError

    low, extent = points.min(0), np.ptp(points, axis=0)
    none = np.empty((0, points.shape[1])), np.empty(0)
    if not (extent > 0).all():
        return none
    # In the unit cube, as the axes may differ a thousandfold; the corner makes a body of points on one plane, and
    # changes nothing from below.
    scaled = np.concatenate([(points - low) / extent, np.full((1, points.shape[1]), 2.0)])
    if len(scaled) <= points.shape[1]:
        return none
    try:
        planes = ConvexHull(scaled).equations
    except QhullError:  # no body: the points lie on a line towards the corner, and the projections say all
        return none
    outward = planes[(planes[:, :-1] < -ON).all(1)]
    normals = -outward[:, :-1] / extent
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / lengths[:, None]
    return normals, (outward[:, -1] / lengths) + normals @ low
