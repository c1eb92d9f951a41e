"""The Pareto set and the lower convex hull of points in two or three dimensions. All coordinates are minimised."""

from __future__ import annotations

import numpy as np

ON = 1e-9  # relative to the extent: points this close to the hull are on it


def pareto(points: np.ndarray) -> np.ndarray:
    """True (n,) for points (n, d) that no other point dominates by being nowhere larger and somewhere smaller."""
    best = np.ones(len(points), dtype=bool)
    for i, point in enumerate(points):
        nowhere_larger = (points <= point).all(1)
        best[i] = not (nowhere_larger & (points < point).any(1)).any()
    return best


def lower_planes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Planes n·p = c that bound the points' convex hull from below: unit normals n ≥ 0 (m, d) and offsets c (m,).

    They bound the hull plus the positive orthant: everything reachable by mixing points and wasting something. Two
    kinds of facets: the hull's facets with normals negative everywhere, found by Qhull (Barber et al. 1996); and, with
    a zero in the normal, the facets of the projections along each axis.
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
    """Euclidean distances (n,) of points (n, d) to their lower convex hull."""
    normals, offsets = lower_planes(points)
    return (points @ normals.T - offsets).min(1).clip(min=0.0)


def on_hull(points: np.ndarray) -> np.ndarray:
    """True (n,) for points (n, d) on the lower convex hull that no other point dominates."""
    extent = np.ptp(points, axis=0)
    scaled = (points - points.min(0)) / np.where(extent > 0, extent, 1.0)
    return pareto(points) & (distance(scaled) <= ON)


def facets(points: np.ndarray) -> np.ndarray:
    """Segments or triangles of the lower convex hull of points (n, d), as rows of their corners (m, d)."""
    return _lower(points)[2]


def facet_slopes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and largest −∂z/∂· (n, d−1) at points (n, d), z the last coordinate; and True (n,) at the hull's rim.

    The slopes of the lower convex hull's facets at the point, or of the nearest facet for a point above the hull. The
    normal of a facet is (−∂z/∂·, 1). A point at the hull's rim has facets on one side only. NaN for a hull without
    facets.
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
    """True (n,) for points on a side that only one of the simplices (m, d) has."""
    sides = np.sort(np.concatenate([np.delete(corners, i, 1) for i in range(corners.shape[1])]), 1)
    sides, counts = np.unique(sides, axis=0, return_counts=True)
    return np.isin(np.arange(n), sides[counts == 1])


def _strict(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The planes whose normal is positive in every coordinate."""
    normals, offsets, _ = _lower(points)
    return normals, offsets


def _lower(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes with normals positive in every coordinate: normals (m, d), offsets (m,), rows of their corners (m, d)."""
    from scipy.spatial import ConvexHull, QhullError

    low, extent = points.min(0), np.ptp(points, axis=0)
    none = np.empty((0, points.shape[1])), np.empty(0), np.empty((0, points.shape[1]), dtype=int)
    if not (extent > 0).all():
        return none
    # In the unit cube, as the axes may differ a thousandfold. The extra corner gives points on one plane a volume, and
    # changes nothing from below.
    scaled = np.concatenate([(points - low) / extent, np.full((1, points.shape[1]), 2.0)])
    if len(scaled) <= points.shape[1]:
        return none
    try:
        hull = ConvexHull(scaled)
    except QhullError:  # no volume: the points lie on a line towards the corner; the projections suffice
        return none
    lower = (hull.equations[:, :-1] < -ON).all(1)
    outward = hull.equations[lower]
    normals = -outward[:, :-1] / extent
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / lengths[:, None]
    return normals, (outward[:, -1] / lengths) + normals @ low, hull.simplices[lower]
