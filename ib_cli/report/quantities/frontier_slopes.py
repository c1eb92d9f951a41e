"""The first law on a sweep: the slope of a frontier is the ratio of the weights that produced its points.

At the minimum of J = Σ w_f f, dJ = Σ w_f df = 0 for every change along the frontier (TherML §3: dR = −γ dC − δ dD −
σ dS). So a frontier of two functionals x and y has −dy/dx = w_x/w_y; one of three has −∂z/∂x = w_x/w_z and −∂z/∂y =
w_y/w_z. Two exact optima a and b of neighbouring weights have J_a(a) ≤ J_a(b) and J_b(b) ≤ J_b(a), however far apart
they are. This is the test; it puts the secant between their two ratios. The slope at a point is the geometric mean of
the secants on both sides: the same for y(x) and x(y), and suited to multipliers in equal ratios. On a surface, the
facets of the lower convex hull around a point replace the secants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ib_cli.report.quantities import hulls

SAME = 1e-9  # relative: two weights closer than this are equal


def weight_ratios(weights: Mapping[str, float], functionals: Sequence[str]) -> np.ndarray:
    """w_f / w_last of each functional but the last; NaN unless exactly these functionals have weights."""
    if set(weights) != set(functionals) or weights[functionals[-1]] == 0:
        return np.full(len(functionals) - 1, np.nan)
    return np.array([weights[name] / weights[functionals[-1]] for name in functionals[:-1]])


def slopes_along_sweep(x: np.ndarray, y: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """−dy/dx at each point, and the secants −Δy/Δx to the neighbours of smaller and larger ratio w_x/w_y: (n,) each.

    A secant is NaN without this neighbour; the slope is NaN unless both secants are positive. Points with a NaN ratio
    are left out. Two equal ratios make everything NaN.
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


def first_law_holds(x: np.ndarray, y: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """1 where no neighbour has a lower ratio · x + y by the point's own ratio, else 0: (n,).

    NaN for a NaN ratio, without a neighbour, and everywhere if two ratios are equal.
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


def surface_slopes(points: np.ndarray, ratios: np.ndarray) -> dict[str, np.ndarray]:
    """Columns (n,) on the first law at points (x, y, z) (n, 3) with weight ratios (w_x/w_z, w_y/w_z) (n, 2).

    slope is −∂z/∂x and slope_2 is −∂z/∂y: the geometric means of the least and the largest slope, slope_low and
    slope_high, of the lower convex hull's facets at the point. rim is 1 at the hull's rim, where slopes are one-sided.
    first_law is 1 if no other point is better by the point's own weights: the plane of these weights then touches the
    hull at the point, and the ratios lie among the facets' slopes. NaN for a NaN ratio.
    """
    low, high, rim = hulls.facet_slopes(points)
    middle, columns = np.sqrt(low * high), {}
    for i, name in enumerate(("slope", "slope_2")):
        columns |= {name: middle[:, i], f"{name}_low": low[:, i], f"{name}_high": high[:, i]}
        columns[f"{name}_predicted"] = ratios[:, i]
    J = points @ np.column_stack([ratios, np.ones(len(ratios))]).T  # (n, n): point, owner of the weights
    own, least = J.diagonal(), J.min(0)
    law = np.where(np.isfinite(own), (own <= least + SAME * np.abs(least)).astype(float), np.nan)
    return {**columns, "rim": rim.astype(float), "first_law": law}
