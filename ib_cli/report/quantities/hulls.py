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


def facets(points: np.ndarray) -> np.ndarray:
    """The simplices (m, d) that the lower convex hull is made of, as rows of points (n, d): segments, or triangles."""
    return _lower(points)[2]


def facet_slopes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least and the largest −∂z/∂· (n, d−1) at points (n, d), z the last coordinate, and who is at the rim (n,).

    They are those of the lower convex hull's facets that touch the point, or, for a point above the hull, of the one
    that is nearest; their normals are (−∂z/∂·, 1). A point at the hull's rim has facets on one side alone. NaN where
    the hull has no facet.
    """
    n, d = points.shape
    extent = np.ptp(points, axis=0)
    scaled = (points - points.min(0)) / np.where(extent > 0, extent, 1.0)
    normals, offsets, corners = _lower(scaled)
    if len(normals) == 0:
        return np.full((n, d - 1), np.nan), np.full((n, d - 1), np.nan), np.zeros(n, dtype=bool)
    gaps = scaled @ normals.T - offsets
    near = (gaps <= gaps.min(1, keepdims=True) + ON)[:, :, None]
    found = normals[:, :-1] / normals[:, -1:] * extent[-1] / extent[:-1]
    low, high = (np.where(near, found, empty) for empty in (np.inf, -np.inf))
    return low.min(1), high.max(1), _rim(corners, n)


def _rim(corners: np.ndarray, n: int) -> np.ndarray:
    """Which of n points lie on a side that only one of the simplices (m, d) has."""
    sides = np.sort(np.concatenate([np.delete(corners, i, 1) for i in range(corners.shape[1])]), 1)
    sides, counts = np.unique(sides, axis=0, return_counts=True)
    return np.isin(np.arange(n), sides[counts == 1])


def _strict(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The planes whose normal is positive in every coordinate."""
    normals, offsets, _ = _lower(points)
    return normals, offsets


def _lower(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those planes, and for each the points (m, d) that are the corners of its facet."""
    from scipy.spatial import ConvexHull, QhullError

    low, extent = points.min(0), np.ptp(points, axis=0)
    none = np.empty((0, points.shape[1])), np.empty(0), np.empty((0, points.shape[1]), dtype=int)
    if not (extent > 0).all():
        return none
    # In the unit cube, as the axes may differ a thousandfold; the corner makes a body of points on one plane, and
    # changes nothing from below.
    scaled = np.concatenate([(points - low) / extent, np.full((1, points.shape[1]), 2.0)])
    if len(scaled) <= points.shape[1]:
        return none
    try:
        hull = ConvexHull(scaled)
    except QhullError:  # no body: the points lie on a line towards the corner, and the projections say all
        return none
    lower = (hull.equations[:, :-1] < -ON).all(1)
    outward = hull.equations[lower]
    normals = -outward[:, :-1] / extent
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / lengths[:, None]
    return normals, (outward[:, -1] / lengths) + normals @ low, hull.simplices[lower]
