"""The first law on a sweep: the slope of a frontier is the ratio of the weights that produced its points.

Where J = Σ w_f f is least, dJ = Σ w_f df = 0 for every change along the frontier (TherML §3: dR = −γ dC − δ dD − σ dS).
So a frontier of two functionals x and y has −dy/dx = w_x/w_y, and one of three −∂z/∂x = w_x/w_z and −∂z/∂y = w_y/w_z.
For two exact optima a and b of neighbouring weights J_a(a) ≤ J_a(b) and J_b(b) ≤ J_b(a), however far apart: that
is the test, and it puts the secant between their two ratios. The slope at a point is the geometric mean of the secants
on both sides, which is the same for y(x) and x(y) and suits multipliers in equal ratios. On a surface the facets of
the lower convex hull around a point take the place of the secants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ib_cli.report.quantities import hulls

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


def surface(points: np.ndarray, ratios: np.ndarray) -> dict[str, np.ndarray]:
    """The first law at points (x, y, z) (n, 3) of weight ratios (w_x/w_z, w_y/w_z) (n, 2), as columns.

    slope and slope_2, −∂z/∂x and −∂z/∂y: the geometric mean of the least and the largest among the facets of the
    lower convex hull at the point, slope_low, slope_high and so on. At its rim they are one-sided, as rim says.
    first_law: 1 where no other point is better by the point's own weights, that is where the plane of these weights
    touches the hull there and the ratios lie among the slopes of the facets; NaN where a ratio is.
    """
    low, high, rim = hulls.facet_slopes(points)
    middle, columns = np.sqrt(low * high), {}
    for i, name in enumerate(("slope", "slope_2")):
        columns |= {name: middle[:, i], f"{name}_low": low[:, i], f"{name}_high": high[:, i]}
        columns[f"{name}_predicted"] = ratios[:, i]
    J = points @ np.column_stack([ratios, np.ones(len(ratios))]).T  # (n, n): point, by whose weights
    own, least = J.diagonal(), J.min(0)
    law = np.where(np.isfinite(own), (own <= least + SAME * np.abs(least)).astype(float), np.nan)
    return {**columns, "rim": rim.astype(float), "first_law": law}
