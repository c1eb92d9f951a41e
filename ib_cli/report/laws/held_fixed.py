"""Derivatives along lines of a grid on which a quantity X, not a multiplier, is held fixed.

(∂m/∂n)_X is the change of one multiplier with another at constant X. As in the experiment of TherML (§3.2), the line of
constant X is followed: a cubic spline through each neighbouring row of the grid gives the place where X has the same
value, and finite differences are taken between these places. The derivative by three points (see `finite_differences`)
uses Akima splines instead, which shows how far splines may be off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ib_cli.report.laws.finite_differences import REACH
from ib_cli.report.laws.grid import Grid

FEWEST = 4  # points of a row for a spline
BISECTIONS = 50
FLAT = 1e-4  # relative to a row's mean slope: where X changes less, places cannot be told apart


def derivatives_holding(
    grid: Grid, held: np.ndarray, by: str, along: str, wanted: Mapping[str, np.ndarray]
) -> dict[Any, Any]:
    """∂/∂u of `wanted`, and of `by`'s own u, along the axis `along`; moving along the axis `by` keeps `held` constant.

    Arrays (1 + seeds, *shape) give derivatives (4, 1 + seeds, *shape); the key of `by`'s u is the name `by`. NaN where
    the line of constant `held` leaves the grid before it meets a neighbouring row on each side.
    """
    order = [0, *(1 + i for i, name in enumerate(grid.axes) if name not in (along, by))]
    order += [1 + grid.axes.index(along), 1 + grid.axes.index(by)]
    u = grid.differences[by].u
    names = [*wanted, by]
    parts = [held, *wanted.values(), np.broadcast_to(grid.across(by, u), held.shape)]
    parts = [np.transpose(part, order) for part in parts]
    found = np.full((len(names), 4, *parts[0].shape), np.nan)
    for index in np.ndindex(parts[0].shape[:-2]):
        found[(slice(None), slice(None), *index)] = _sheet(grid, by, along, [part[index] for part in parts])
    back = [0, *(1 + i for i in np.argsort(order))]
    return {name: np.transpose(values, back) for name, values in zip(names, found)}


def _sheet(grid: Grid, by: str, along: str, parts: list[np.ndarray]) -> np.ndarray:
    """Derivatives (wanted, 4, rows, columns) on one sheet of the grid: rows `along`, columns `by`."""
    differences, u = grid.differences[along], grid.differences[by].u
    smooth, local = (_followed(u, *parts, kind=kind) for kind in ("cubic", "akima"))
    found = np.full((len(parts) - 1, 4, *parts[0].shape), np.nan)
    for q, i, j in np.ndindex(found.shape[0], *parts[0].shape):
        found[q, :, i, j] = differences.at(smooth[q, :, i, j], i)
        found[q, 1, i, j] = differences.at(local[q, :, i, j], i)[1]
    return found


def _followed(u: np.ndarray, held: np.ndarray, *wanted: np.ndarray, kind: str) -> np.ndarray:
    """`wanted` at the place on row k where `held` equals its value at i, j: (wanted, k, i, j); NaN without a place."""
    from scipy.interpolate import Akima1DInterpolator, CubicSpline

    spline = CubicSpline if kind == "cubic" else Akima1DInterpolator
    rows = np.arange(len(held))
    found = np.full((len(wanted), len(held), *held.shape), np.nan)
    for k, line in enumerate(held):
        known = np.isfinite(line)
        near = (np.abs(rows - k) <= REACH) & (rows != k)
        if known.sum() >= FEWEST and near.any():
            places = _places(spline(u[known], line[known]), u[known], line[known], held[near], u)
            found[:, k, near] = [spline(u[known], values[k][known])(places) for values in wanted]
        found[:, k, k] = [values[k] for values in wanted]
    return found


def _places(
    spline: Callable[..., Any], u: np.ndarray, line: np.ndarray, levels: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Places where a row's spline has these levels (m, columns), by bisection between the points nearest to `near`.

    `near` (columns,). NaN for levels that the row does not reach, and where it is too flat to tell places apart.
    """
    below = line[None, None, :] < levels[..., None]
    crosses = below[..., 1:] != below[..., :-1]
    crosses &= np.abs(np.diff(line)) > FLAT * np.ptp(line) / np.ptp(u) * np.diff(u)
    middle = (u[1:] + u[:-1]) / 2
    cell = np.where(crosses, np.abs(middle - near[:, None]), np.inf).argmin(-1)
    left, right = u[cell], u[cell + 1]
    rising = line[cell + 1] > line[cell]
    for _ in range(BISECTIONS):
        half = (left + right) / 2
        after = (spline(half) < levels) == rising
        left, right = np.where(after, half, left), np.where(after, right, half)
    return np.where(crosses.any(-1) & np.isfinite(levels), (left + right) / 2, np.nan)
