"""The contents of a report, computed once: all that the figures and the page show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import NATS_PER, SLACKS, has_units, in_order
from ib_cli.report.laws.thermodynamics import Thermodynamics, measure_laws
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.estimated import Estimated, estimated
from ib_cli.report.quantities.exact_limit import above_limit, bounds_pair, certified, exact_curves
from ib_cli.report.quantities.frontier import frontiers
from ib_cli.report.quantities.information_plane import InformationPlane, information_plane
from ib_cli.report.quantities.spread import FEW
from ib_cli.report.read.measured import Joined, joined
from ib_cli.report.read.points import Points, gather
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import SPLITS, differing, final_measures, own_functionals, results
from ib_cli.report.read.words import words

if TYPE_CHECKING:
    from pandas import DataFrame

USUAL = ("J", "R", "C", "D", "S", "accuracy", "mse")  # measures drawn unless --metric names others


@dataclass(frozen=True)
class Contents:
    """Tables and values in nats; `scale` converts drawn values to the units."""

    runs: Sequence[RecordedRun]
    results: DataFrame
    points: Points
    frontiers: DataFrame
    plane: InformationPlane
    colours: Colours
    split: str
    units: str
    metrics: tuple[str, ...]
    estimated: Estimated
    thermodynamics: Thermodynamics | None = None
    measured: Joined = field(default_factory=Joined)  # the runs that measured others, and have no rows

    def scale(self, measure: str) -> float:
        """Factor from nats to the units; 1 for a measure without units."""
        return 1 / NATS_PER[self.units] if has_units(measure, self.own) else 1.0

    @cached_property
    def own(self) -> frozenset[str]:
        """Symbols of functionals of a person's own, which are in nats as all functionals are."""
        return own_functionals(self.runs)

    @cached_property
    def differing(self) -> list[str]:
        """Config keys whose values differ between the runs."""
        return differing(self.runs)

    @cached_property
    def swept_metrics(self) -> list[str]:
        """The drawn measures that some point has; empty if no multiplier varies."""
        return self._swept(self.metrics)

    @cached_property
    def swept_slacks(self) -> list[str]:
        """The slacks of TherML's bounds that some point has, and not drawn among the measures already."""
        return self._swept([name for name in SLACKS if name not in self.metrics])

    def _swept(self, measures: Sequence[str]) -> list[str]:
        table = self.points.table[self.points.regular]
        return [m for m in measures if self.colours.vary and m in table.columns and np.isfinite(table[m]).any()]

    def repeated_runs(self, rows: DataFrame) -> np.ndarray:
        """Runs of the points `rows` with two runs or more; an only run is its point's median."""
        return np.flatnonzero(np.isin(self.points.of_run, rows.index[rows["runs"] > 1]))

    def bar_ends(self, rows: DataFrame, name: str) -> np.ndarray:
        """Ends (2, n) of the bars of the points `rows` of a table, in nats: the range of few runs, else quartiles."""
        column = f"{self.split}/{name}"
        found = np.array([rows[f"{name}_q1"], rows[f"{name}_q3"]], dtype=float)
        if column not in self.results:
            return found
        kept = self.points.of_run >= 0
        grouped = self.results.loc[kept, column].groupby(self.points.of_run[kept])
        few = rows["runs"].to_numpy() <= FEW
        range_of = np.array([grouped.min().reindex(rows.index), grouped.max().reindex(rows.index)], dtype=float)
        return np.where(few, range_of, found)

    def final_values(self, runs: np.ndarray, measures: Sequence[str]) -> np.ndarray:
        """Measures of runs after training on the report's split (runs, measures), in the units."""
        columns = [f"{self.split}/{name}" for name in measures]
        scales = np.array([self.scale(name) for name in measures])
        return self.results.loc[runs, columns].to_numpy(dtype=float) * scales

    @cached_property
    def exact_limits(self) -> dict[str, dict[str, str]]:
        """Frontier of a pair, such as `R-C` → curve of exact optima that bounds it → title of this limit."""
        exact = [] if self.points.merged else exact_curves(self.points, self.runs)
        found: dict[str, dict[str, str]] = {}
        for (name, curve), rows in self.frontiers.groupby(["frontier", "curve"], sort=False):
            pair = str(name).split("-")
            if curve in exact and len(pair) == 2 and bounds_pair(self.points, rows, pair):
                title = "exact limit" if len(exact) == 1 else f"exact limit, {str(curve).removeprefix('exact, ')}"
                proven = all(certified(run) for run, of in zip(self.runs, self.points.of_run) if of in rows.index)
                found.setdefault(str(name), {})[str(curve)] = title + ("" if proven else " (not certified)")
        return found

    @cached_property
    def baselines(self) -> list[str]:
        """Curves of reverse water-filling alone: what a linear Gaussian model attains."""
        curves, linear = self.points.table["curve"].to_numpy(), self.points.linear
        return [curve for curve in dict.fromkeys(curves[linear]) if curve not in set(curves[~linear])]

    @cached_property
    def plane_exact_limits(self) -> dict[str, list[int]]:
        """Exact limits of R and C in the information plane: title → rows of its runs, in ascending x."""
        same = self.plane.split == self.split  # an exact limit is one on the report's split
        curves, titles = self.points.table["curve"], self.exact_limits.get("R-C", {}) if same else {}
        found: dict[str, list[int]] = {}
        for run in sorted(self.plane.paths, key=lambda run: self.plane.paths[run][-1, 1]):
            point = self.points.of_run[run]
            title = titles.get(curves[point]) if point >= 0 else None
            if title is not None:
                found.setdefault(title, []).append(run)
        return found

    def curves_of(self, runs: Iterable[int]) -> set[str]:
        """Curves of these runs."""
        points = {int(self.points.of_run[i]) for i in runs} - {-1}
        return set(self.points.table["curve"].iloc[sorted(points)])

    def by_curve(self, runs: Iterable[int]) -> dict[str, list[int]]:
        """Curve → its runs. A run not done joins its objective's only curve, else a curve named after the objective."""
        names, of_run = self.points.table["curve"], self.points.of_run
        objectives: dict[str, set[str]] = {}
        for run, point in enumerate(of_run):
            if point >= 0:
                objectives.setdefault(_objective(self.runs[run]), set()).add(names.iloc[point])
        found: dict[str, list[int]] = {curve: [] for curve in self.points.curves}
        for run in sorted(runs):
            if of_run[run] >= 0:
                found[names.iloc[of_run[run]]].append(run)
            elif self.runs[run].status != "done":
                objective = _objective(self.runs[run])
                curves = objectives.get(objective, ())
                found.setdefault(next(iter(curves)) if len(curves) == 1 else objective, []).append(run)
        return {curve: members for curve, members in found.items() if members}

    @cached_property
    def run_colour_values(self) -> np.ndarray:
        """Swept multiplier of each run (runs,), also of runs that are not done; NaN without one."""
        swept = {curve: name for curve, name in self.points.swept.items() if curve not in self.baselines}
        values = np.full(len(self.runs), np.nan)
        for i, run in enumerate(self.runs):
            point = self.points.of_run[i]
            if point >= 0:
                values[i] = self.points.colour_by[point]
            else:
                values[i] = next((run.multipliers[name] for name in swept.values() if name in run.multipliers), np.nan)
        return values


def contents(
    runs: Sequence[RecordedRun],
    split: str | None = None,
    units: str = "nats",
    metrics: Sequence[str] = (),
    group_by: Sequence[str] | None = None,
    thermodynamics: bool = False,
) -> Contents:
    """Compute the contents. `split` None: test if the runs have it, else validation, else train.

    Estimates are of `split`; with None, of the train split if possible, as they describe what was learnt.
    What runs measured of others joins the rows of these. `thermodynamics` measures the laws of TherML: on `split`; with
    None, on the train split if possible, as they describe what was minimised. Raises ConfigError for a split, metric or
    key that no run has, and if no law can be measured.
    """
    measured = joined(runs)
    runs = measured.runs
    present = {name: _measures(runs, name) for name in SPLITS}
    estimates = estimated(runs, split)
    of_laws = split or ("train" if present["train"] else None)
    split = _split(split, present)
    table = results(runs)
    points = gather(runs, table, split, group_by)
    for name in metrics:
        if name not in present[split]:
            known = ", ".join(in_order(present[split])) or "none"
            raise ConfigError(f"--metric {name}: not measured on the {split} split; there are {known}")
    shown = tuple(metrics) or tuple(name for name in (*USUAL, *measured.names) if name in present[split])
    return Contents(
        runs,
        table,
        points,
        frontiers(points, above_limit(points, runs, split)),
        information_plane(runs, split, estimates),
        Colours(points),
        split,
        units,
        shown,
        estimates,
        _laws(runs, table, of_laws or split, group_by) if thermodynamics else None,
        measured,
    )


def _laws(runs: Sequence[RecordedRun], table: DataFrame, split: str, group_by: Sequence[str] | None) -> Thermodynamics:
    return measure_laws(gather(runs, table, split, group_by), runs, table, split)


def _objective(run: RecordedRun) -> str:
    return words("objective.name", run.config.get("objective.name"))


def _measures(runs: Sequence[RecordedRun], split: str) -> set[str]:
    return {name for run in runs for name in final_measures(run).get(split, {})}


def _split(wanted: str | None, present: dict[str, set[str]]) -> str:
    if wanted is None:
        return next((name for name in ("test", "validation", "train") if present[name]), "test")
    if any(present.values()) and not present[wanted]:
        there = ", ".join(name for name in SPLITS if present[name])
        raise ConfigError(f"--split {wanted}: no run has measures of it; there are {there}")
    return wanted
