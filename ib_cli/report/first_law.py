"""The first law on a sweep: the slope of a frontier is the ratio of the weights that produced its points.

Where J = Σ w_f f is least, dJ = Σ w_f df = 0 for every change along the frontier (TherML §3: dR = −γ dC − δ dD − σ dS).
So a frontier of two functionals x and y has −dy/dx = w_x/w_y, and one of three −∂z/∂x = w_x/w_z and −∂z/∂y = w_y/w_z.
For two exact optima a and b of neighbouring weights J_a(a) ≤ J_a(b) and J_b(b) ≤ J_b(a), however far apart: that
is the test, and it puts the secant between their two ratios. The slope at a point is the geometric mean of the secants
on both sides, which is the same for y(x) and x(y) and suits multipliers in equal ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

SAME = 1e-9  # relative: two weights closer than this are equal


def predicted(weights: Mapping[str, float], functionals: Sequence[str]) -> np.ndarray:
    """w_f / w_last for each functional but the last; NaN where the objective minimises anything else or not all."""
    if set(weights) != set(functionals) or weights[functionals[-1]] == 0:
        return np.full(len(functionals) - 1, np.nan)
    return np.array([weights[name] / weights[functionals[-1]] for name in functionals[:-1]])


def slopes(x: np.ndarray, y: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """−dy/dx of each point, and the secants −Δy/Δx to the neighbours of smaller and of larger `ratio` = w_x/w_y.

    NaN where there is no neighbour, at the ends for the slope, and for a ratio that is NaN. Points of equal ratio are
    no neighbours of each other, and make their slopes NaN.
    """
    slope, low, high = (np.full(len(x), np.nan) for _ in range(3))
    order = np.array([i for i in np.argsort(ratio, kind="stable") if np.isfinite(ratio[i])], dtype=int)
    if len(order) < 2 or (np.diff(ratio[order]) <= SAME * np.abs(ratio[order][1:])).any():
        return slope, low, high
    with np.errstate(divide="ignore", invalid="ignore"):
        secants = -np.diff(y[order]) / np.diff(x[order])
        secants[~np.isfinite(secants)] = np.nan
        high[order[:-1]] = low[order[1:]] = secants
        slope = np.where((low > 0) & (high > 0), np.sqrt(low * high), np.nan)
    return slope, low, high


def holds(x: np.ndarray, y: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Whether each point is at least as good as its neighbours by its own weights: ratio · x + y is no larger.

    NaN where there is no neighbour, as for `slopes`.
    """
    found = np.full(len(x), np.nan)
    order = np.array([i for i in np.argsort(ratio, kind="stable") if np.isfinite(ratio[i])], dtype=int)
    if len(order) < 2 or (np.diff(ratio[order]) <= SAME * np.abs(ratio[order][1:])).any():
        return found
    for place, i in enumerate(order):
        near = order[[j for j in (place - 1, place + 1) if 0 <= j < len(order)]]
        own, others = ratio[i] * x[i] + y[i], ratio[i] * x[near] + y[near]
        found[i] = float((own <= others + SAME * np.abs(others)).all())
    return found


def surface_slopes(points: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """−∂z/∂x and −∂z/∂y (n, 2) of points (x, y, z) (n, 3) swept over a grid of ratios (n, 2).

    A plane through the point, by least squares over the neighbours that are one step away on the grid, each counted by
    its direction and not by its distance. NaN on the grid's edge, where their directions span no plane, or on no grid.
    """
    found = np.full((len(points), 2), np.nan)
    for i in range(len(points)):
        steps = points[_neighbours(ratios, i)] - points[i]
        scale = np.ptp(points[:, :2], axis=0)
        if len(steps) < 4 or not (scale > 0).all():  # one-sided differences are far off on a coarse grid
            continue
        across = steps[:, :2] / scale
        lengths = np.linalg.norm(across, axis=1)
        if (lengths == 0).any():
            continue
        solution, _, rank, _ = np.linalg.lstsq(across / lengths[:, None], -steps[:, 2] / lengths, rcond=1e-3)
        if rank == 2:
            found[i] = solution / scale
    return found


def _neighbours(ratios: np.ndarray, i: int) -> list[int]:
    """The points one step up and down in one ratio, at the same other one."""
    near = []
    for axis in (0, 1):
        same = np.isclose(ratios[:, 1 - axis], ratios[i, 1 - axis], rtol=1e-6, atol=0)
        values = ratios[:, axis]
        for sign in (-1, 1):
            beyond = same & (sign * (values - values[i]) > SAME * abs(values[i]))
            gaps = np.where(beyond, np.abs(values - values[i]), np.inf)
            if np.isfinite(gaps.min()):
                near.append(int(gaps.argmin()))
    return near
