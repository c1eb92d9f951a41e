"""Points → frontiers: Pareto set, lower convex hull, distances and slopes of any two or three of R, C, D, S."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.report.quantities import frontier_slopes, hulls
from ib_cli.report.read.points import Points

if TYPE_CHECKING:
    from pandas import DataFrame

FUNCTIONALS = ("R", "D", "C", "S")  # in the order of a picture's axes: x before y
PAIRS = (("R", "D"), ("R", "C"), ("D", "C"), ("R", "S"), ("D", "S"), ("S", "C"))
TRIPLES = (("D", "C", "R"), ("D", "S", "R"), ("C", "S", "R"), ("D", "S", "C"))  # the last as a function of the others
DISTANCES = ("distance", "excess", "above_limit", "limit_gap")  # columns in nats, beside the measures


def frontiers(points: Points, above: tuple[np.ndarray, np.ndarray] | None = None) -> DataFrame:
    """A row per frontier and point, in nats; the index is the point's row in `points.table`.

    Columns: `frontier` (`R-C`, `D-C-R`), curve, the multipliers, runs; R, D, C, S with `_q1` and `_q3`; and, computed
    from the medians of the curve's points,

    - pareto, hull: True in the Pareto set, and on the lower convex hull
    - distance: Euclidean distance to the lower convex hull
    - excess: J of the point minus the least J among the curve's points at the same weights; 0 for a true optimum
    - above_limit, limit_gap: the values `above`, if given: J of the point minus the exact minimum of J, and by how much
      this minimum may be too high
    - slope: two functionals: −dy/dx by finite differences along the sweep; three: slope is −∂z/∂x and slope_2 is
      −∂z/∂y, from the facets of the lower convex hull at the point
    - slope_low, slope_high: the secants to the neighbours, or the least and the largest slope of these facets
      (slope_2_low, slope_2_high likewise); slope_predicted must lie between them
    - slope_predicted, slope_2_predicted: the ratio of the weights, by the first law
    - rim: three functionals: 1 at the hull's rim, where slopes are one-sided
    - first_law: 1 if no neighbour in the sweep (three functionals: no other point) has a lower J by the point's own
      weights, else 0; empty without a neighbour or a predicted slope

    Frontiers for which no point has all functionals are left out, and so are runs that moved along a path.
    """
    import pandas as pd

    blocks = [block for names in measured(points) for block in _blocks(points, names)]
    table = pd.concat(blocks) if blocks else pd.DataFrame(columns=["frontier", "curve"])
    if above is not None and len(table) and np.isfinite(above[0]).any():
        for name, values in zip(("limit_gap", "above_limit"), reversed(above)):
            table.insert(table.columns.get_loc("excess") + 1, name, values[table.index])
    return table


def measured(points: Points) -> list[tuple[str, ...]]:
    """Pairs and triples of functionals that were all measured for at least one point."""
    table = points.table
    known = [name for name in FUNCTIONALS if name in table.columns]
    table = table[~points.moved]
    present = {frozenset(names) for k in (2, 3) for names in combinations(known, k) if _complete(table, names).any()}
    return [names for names in (*PAIRS, *TRIPLES) if frozenset(names) in present]


def _complete(table: DataFrame, names: tuple[str, ...]) -> np.ndarray:
    return np.isfinite(table[list(names)].to_numpy(dtype=float)).all(1)


def _blocks(points: Points, names: tuple[str, ...]) -> Iterator[DataFrame]:
    """The rows of one frontier, a table per curve."""
    table = points.table
    complete = _complete(table, names) & ~points.moved
    keep = ["curve", *(m for m in MULTIPLIERS if m in table.columns), "runs"]
    keep += [f"{f}{suffix}" for f in FUNCTIONALS if f in table.columns for suffix in ("", "_q1", "_q3")]
    for curve in points.curves:
        rows = np.flatnonzero(complete & (table["curve"] == curve).to_numpy())
        if len(rows) == 0:
            continue
        block = table.loc[rows, keep].copy()
        block.insert(0, "frontier", "-".join(names))
        yield block.assign(**_shape(points, rows, names), **_law(points, rows, names))


def _shape(points: Points, rows: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    p = points.table.loc[rows, list(names)].to_numpy(dtype=float)
    return {
        "pareto": hulls.pareto(p),
        "hull": hulls.on_hull(p),
        "distance": hulls.distance(p),
        "excess": _excess(points, rows, names, p),
    }


def _excess(points: Points, rows: np.ndarray, names: tuple[str, ...], p: np.ndarray) -> np.ndarray:
    """J minus the least J of the rows at the same weights (n,); NaN if J has functionals that the frontier lacks."""
    excess = np.full(len(rows), np.nan)
    for k, i in enumerate(rows):
        if points.weights[i] and set(points.weights[i]) <= set(names):
            J = p @ np.array([points.weights[i].get(name, 0.0) for name in names])
            excess[k] = J[k] - J.min()
    return excess


def _law(points: Points, rows: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    p = points.table.loc[rows, list(names)].to_numpy(dtype=float)
    ratios = np.array([frontier_slopes.weight_ratios(points.weights[i], names) for i in rows])
    if points.merged:  # the points differ in more than multipliers: no sweep to differentiate along
        ratios[:] = np.nan
    if len(names) == 2:
        ratio = ratios[:, 0]
        slope, low, high = frontier_slopes.slopes_along_sweep(p[:, 0], p[:, 1], ratio)
        return {
            "slope": slope,
            "slope_low": low,
            "slope_high": high,
            "slope_predicted": ratio,
            "first_law": frontier_slopes.first_law_holds(p[:, 0], p[:, 1], ratio),
        }
    if points.merged:
        return {"slope": np.nan, "slope_2": np.nan}
    return frontier_slopes.surface_slopes(p, ratios)
