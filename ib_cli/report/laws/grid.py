"""The points of a curve on the grid of their multipliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.told_numbers import percent
from ib_cli.report.laws.finite_differences import FiniteDifferences
from ib_cli.report.laws.lagrangian import Lagrangian
from ib_cli.report.read.points import Points
from ib_cli.report.read.runs import RecordedRun

if TYPE_CHECKING:
    from pandas import DataFrame

LEAST_FILLED = 0.5  # share of filled cells; with less, the multipliers form no grid
REPLICAS = 32  # of an only seed's values, to carry recorded standard errors through a relation
SHAKEN = 10.0  # extents of a measure: the change of doubted values that shows what rests on them, also violations of 0


@dataclass(frozen=True)
class Grid:
    """A curve's cells (*shape), an axis per varying multiplier; scattered points have one axis without a name.

    `values` maps J and each functional to means (1 + seeds, *shape): over all seeds, then with each seed left out; of
    an only seed with recorded standard errors, values that are moved by these.
    """

    curve: str
    lagrangian: Lagrangian
    axes: tuple[str, ...]
    ticks: Mapping[str, np.ndarray]
    at: Mapping[str, np.ndarray]  # multiplier, also a fixed one → its value in each cell (*shape)
    points: np.ndarray  # (*shape) rows in the table of points, -1 for empty cells
    values: Mapping[str, np.ndarray]
    recorded: bool  # True for J from the records; else J is Σ weight · functional
    doubts: np.ndarray  # (*shape) why a run of the cell is not to be trusted, ''

    @cached_property
    def differences(self) -> Mapping[str, FiniteDifferences]:
        """Axis → its finite differences."""
        return {name: FiniteDifferences(ticks) for name, ticks in self.ticks.items()}

    @cached_property
    def conjugates(self) -> Mapping[str, np.ndarray]:
        """Axis → ∂J/∂multiplier at fixed functionals."""
        return {name: self.lagrangian.conjugate(name, self.at, self.values) for name in self.axes}

    @cached_property
    def slopes(self) -> Mapping[str, np.ndarray]:
        """Axis → du/d multiplier in each cell (*shape)."""
        return {name: self.across(name, self.differences[name].slope) for name in self.axes}

    @cached_property
    def doubted(self) -> np.ndarray:
        """True (*shape) in cells with a run that is not to be trusted."""
        return self.doubts != ""

    def shaken(self, sign: int) -> Grid:
        """The grid with higher or lower values in the doubted cells: what differs between the two rests on these."""
        rng = np.random.default_rng(0)
        values = {}
        for name, known in self.values.items():
            finite = known[0][np.isfinite(known[0])]
            extent = np.ptp(finite) or np.abs(finite).max(initial=0.0) or 1.0 if len(finite) else 1.0
            values[name] = known + np.where(
                self.doubted, sign * SHAKEN * extent * rng.uniform(0.5, 1, self.doubted.shape), 0
            )
        return replace(self, values=values)

    def derivative(self, values: np.ndarray, name: str) -> np.ndarray:
        """∂ values/∂u along an axis, u = ln of the multiplier: (4, *values.shape), see `FiniteDifferences.at`."""
        return self.differences[name].along(values, self.axes.index(name) - len(self.axes))

    def across(self, name: str, line: np.ndarray) -> np.ndarray:
        """Values (n,) along an axis, broadcast to all cells (*shape)."""
        shape = [1] * len(self.axes)
        shape[self.axes.index(name)] = -1
        return np.broadcast_to(line.reshape(shape), self.points.shape)


def grids(points: Points, runs: Sequence[RecordedRun], results: DataFrame, split: str) -> tuple[list[Grid], list[str]]:
    """A grid per curve without points that are not regular, and remarks on curves without a grid or axes."""
    found, remarks = [], []
    for curve in points.curves:
        rows = np.flatnonzero((points.table["curve"] == curve).to_numpy() & points.regular)
        if not len(rows):
            continue
        members = np.flatnonzero(np.isin(points.of_run, rows))
        lagrangian = _common(runs, members)
        if lagrangian is None:
            remarks.append(
                f"{curve}: its runs do not say alike what they minimised, so none of the laws on a grid of multipliers"
            )
            continue
        lacking = [name for name in lagrangian.functionals if f"{split}/{name}" not in results]
        if lacking:
            remarks.append(
                f"{curve}: {', '.join(lacking)} not measured on the {split} split, so none of the laws on a grid of "
                "multipliers"
            )
            continue
        grid, filled = _grid(points, runs, results, curve, lagrangian, rows, members, split)
        if filled < LEAST_FILLED or points.merged:
            remarks.append(
                f"{curve}: the multipliers form no grid ({percent(filled)} of its cells): nothing to differentiate"
            )
        if not grid.recorded:
            remarks.append(f"{curve}: no J recorded; taken as the sum of weight · functional")
        found.append(grid)
    return found, remarks


def _common(runs: Sequence[RecordedRun], members: np.ndarray) -> Lagrangian | None:
    """The runs' common Lagrangian, without terms of zero weight in all runs; None if it differs or is not recorded."""
    first = Lagrangian.of(runs[members[0]].minimise)
    same = all(Lagrangian.of(runs[i].minimise) == first for i in members)
    known = first is not None and all(set(first.multipliers) <= set(runs[i].multipliers) for i in members)
    if first is None or not same or not known:
        return None
    at = {name: np.array([runs[i].multipliers[name] for i in members]) for name in first.multipliers}
    weighted = Lagrangian(
        tuple(term for term in first.terms if np.any(Lagrangian((term,)).weight(term.functional, at)))
    )
    return weighted if weighted.terms else None


def _grid(
    points: Points,
    runs: Sequence[RecordedRun],
    results: DataFrame,
    curve: str,
    lagrangian: Lagrangian,
    rows: np.ndarray,
    members: np.ndarray,
    split: str,
) -> tuple[Grid, float]:
    """The grid and the share of its filled cells; scattered points if the share is too small."""
    table = points.table.loc[rows]
    ticks = {name: np.unique(table[name].to_numpy(dtype=float)) for name in lagrangian.multipliers}
    ticks = {name: values for name, values in ticks.items() if len(values) > 1}
    filled = len(rows) / prod(len(values) for values in ticks.values())
    if not ticks or filled < LEAST_FILLED or points.merged:
        ticks, cells = {}, rows
    else:
        cells = np.full([len(values) for values in ticks.values()], -1)
        places = [np.searchsorted(values, table[name].to_numpy(dtype=float)) for name, values in ticks.items()]
        cells[tuple(places)] = rows
    at = _multipliers(points, lagrangian, ticks, cells)
    results = _with_entropy(results, lagrangian, split)
    values = {
        name: _means(points, results, members, cells, f"{split}/{name}")
        for name in (*lagrangian.functionals, "J")
        if f"{split}/{name}" in results
    }
    values = _with_sampling_errors(points, results, members, cells, split, values)
    recorded = "J" in values and bool(np.isfinite(values["J"][0]).any())
    if not recorded:
        values["J"] = lagrangian.objective(at, values)
    return Grid(
        curve, lagrangian, tuple(ticks), ticks, at, cells, values, recorded, _doubts(points, runs, cells)
    ), filled


def _doubts(points: Points, runs: Sequence[RecordedRun], cells: np.ndarray) -> np.ndarray:
    """The first doubt of the runs of each cell (*cells.shape), with the run's name; ''."""
    of_point = np.full(len(points.table) + 1, "", dtype=object)  # the last for empty cells
    for run, point in zip(runs, points.of_run):
        if point >= 0 and run.doubts and not of_point[point]:
            of_point[point] = f"{run.study}/{run.id}: {run.doubts[0]}"
    return of_point[cells]


def _with_entropy(results: DataFrame, lagrangian: Lagrangian, split: str) -> DataFrame:
    """The results with the whole objective for J: runs that sample the weights record it without σ S/N, and as F."""
    F, J = f"{split}/F", f"{split}/J"
    if F not in results or J not in results or not {"S", "S/N"} & set(lagrangian.functionals):
        return results
    sampled = results[F].notna()
    whole = {J: results[F].where(sampled, results[J])}
    if f"{F}_stderr" in results and f"{J}_stderr" in results:
        whole[f"{J}_stderr"] = results[f"{F}_stderr"].where(sampled, results[f"{J}_stderr"])
    return results.assign(**whole)


def _with_sampling_errors(
    points: Points,
    results: DataFrame,
    members: np.ndarray,
    cells: np.ndarray,
    split: str,
    values: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """One seed's means with `REPLICAS` more, moved as much as the standard errors that runs recorded of them.

    They stand where means with a seed left out would, so that the jackknife of a relation is its sampling error. The
    errors of the measures count as independent. Without recorded errors, or with several seeds, nothing changes.
    """
    columns = {name: f"{split}/{name}_stderr" for name in values}
    known = [name for name, column in columns.items() if column in results and results[column].notna().any()]
    if not known or any(len(of) > 1 for of in values.values()):
        return values
    rng, found = np.random.default_rng(0), {}
    for name, of in values.items():
        moves = rng.standard_normal((REPLICAS, *of.shape[1:]))
        moves = (moves - moves.mean(0)) / moves.std(0) / np.sqrt(REPLICAS - 1)
        error = _means(points, results, members, cells, columns[name])[0] if name in known else np.zeros(of.shape[1:])
        found[name] = np.concatenate([of, of + moves * error])
    return found


def _multipliers(
    points: Points, lagrangian: Lagrangian, ticks: Mapping[str, np.ndarray], cells: np.ndarray
) -> dict[str, np.ndarray]:
    full = np.meshgrid(*ticks.values(), indexing="ij") if ticks else []
    at = dict(zip(ticks, full))
    for name in lagrangian.multipliers:
        if name not in at:
            values = points.table[name].to_numpy(dtype=float)
            at[name] = np.full(cells.shape, values[cells[cells >= 0][0]]) if ticks else values[cells]
    return at


def _means(points: Points, results: DataFrame, members: np.ndarray, cells: np.ndarray, column: str) -> np.ndarray:
    """Means of a column in each cell, over all seeds, then with each seed left out: (1 + seeds, *cells.shape)."""
    import pandas as pd

    seeds = pd.factorize(results["seed"].astype("float64").to_numpy()[members])[0]
    left_out = sorted(set(seeds)) if len(set(seeds)) > 1 else []
    of, values = points.of_run[members], results[column].to_numpy(dtype=float)[members]
    found = []
    for seed in (None, *left_out):
        kept = np.ones(len(members), dtype=bool) if seed is None else seeds != seed
        sums = np.bincount(of[kept], values[kept], minlength=len(points.table))
        counts = np.bincount(of[kept], minlength=len(points.table))
        means = np.full(len(points.table) + 1, np.nan)  # the last for empty cells
        np.divide(sums, counts, out=means[:-1], where=counts > 0)
        found.append(means[cells])
    return np.stack(found)
