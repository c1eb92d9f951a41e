"""Everything that a report shows, worked out once: what the figures and the page draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import NATS_PER, has_units, in_order
from ib_cli.report.laws.measure import Thermodynamics, measure
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.estimated import Estimated, estimated
from ib_cli.report.quantities.frontier import frontiers
from ib_cli.report.quantities.limit import above, bounds_pair, exact_curves
from ib_cli.report.quantities.plane import Plane, information_plane
from ib_cli.report.read.points import Points, gather
from ib_cli.report.read.runs import Run
from ib_cli.report.read.tables import SPLITS, differing, final_measures, results

if TYPE_CHECKING:
    from pandas import DataFrame

USUAL = ("J", "R", "C", "D", "S", "accuracy", "mse")  # the measures that are drawn unless --metric names others


@dataclass(frozen=True)
class Contents:
    """Tables in nats; `scale` turns what is drawn into the units."""

    runs: Sequence[Run]
    results: DataFrame
    points: Points
    frontiers: DataFrame
    plane: Plane
    colours: Colours
    split: str
    units: str
    metrics: tuple[str, ...]
    estimated: Estimated
    thermodynamics: Thermodynamics | None = None

    def scale(self, measure: str) -> float:
        """What a value in nats is multiplied by to be in the units."""
        return 1 / NATS_PER[self.units] if has_units(measure) else 1.0

    @cached_property
    def differing(self) -> list[str]:
        """The config keys whose values differ between the runs."""
        return differing(self.runs)

    @cached_property
    def limits(self) -> dict[str, dict[str, str]]:
        """Of each frontier of a pair, `R-C`: the curves of exact optima that bound it, and what they are called."""
        exact = [] if self.points.merged else exact_curves(self.points, self.runs)
        found: dict[str, dict[str, str]] = {}
        for (name, curve), rows in self.frontiers.groupby(["frontier", "curve"], sort=False):
            pair = str(name).split("-")
            if curve in exact and len(pair) == 2 and bounds_pair(self.points, rows, pair):
                title = "exact limit" if len(exact) == 1 else f"exact limit, {str(curve).removeprefix('exact, ')}"
                found.setdefault(str(name), {})[str(curve)] = title
        return found

    @cached_property
    def plane_limits(self) -> dict[str, list[int]]:
        """The exact limits of R and C in the information plane: what each is called → its runs' rows, R upwards."""
        curves, titles = self.points.table["curve"], self.limits.get("R-C", {})
        found: dict[str, list[int]] = {}
        for run in sorted(self.plane.paths, key=lambda run: self.plane.paths[run][-1, 1]):
            point = self.points.of_run[run]
            title = titles.get(curves[point]) if point >= 0 else None
            if title is not None:
                found.setdefault(title, []).append(run)
        return found

    def curves_of(self, runs: Iterable[int]) -> set[str]:
        """The curves that these runs lie on."""
        points = {int(self.points.of_run[i]) for i in runs} - {-1}
        return set(self.points.table["curve"].iloc[sorted(points)])

    def by_curve(self, runs: Iterable[int]) -> dict[str, list[int]]:
        """The runs of each curve; those not done go with the only curve of their objective, else by its name."""
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
        """The swept multiplier of each run, also of those that are not done; NaN where there is none."""
        swept = self.points.swept
        values = np.full(len(self.runs), np.nan)
        for i, run in enumerate(self.runs):
            point = self.points.of_run[i]
            if point >= 0:
                values[i] = self.points.colour_by[point]
            else:
                values[i] = next((run.multipliers[name] for name in swept.values() if name in run.multipliers), np.nan)
        return values


def contents(
    runs: Sequence[Run],
    split: str | None = None,
    units: str = "nats",
    metrics: Sequence[str] = (),
    group_by: Sequence[str] | None = None,
    thermodynamics: bool = False,
) -> Contents:
    """Work everything out. `split` None: test where the runs have it, else validation, else train.

    Estimates are those of `split`, or where it is None of train if there are any, as they are about what was learnt.
    `thermodynamics` asks for the laws of TherML, which are about what was minimised: on the train split, where there is
    one and no other is named. Raises ConfigError for a split, metric or key that no run has, and where no law can be
    measured.
    """
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
    shown = tuple(metrics) or tuple(name for name in USUAL if name in present[split])
    return Contents(
        runs,
        table,
        points,
        frontiers(points, above(points, runs, split)),
        information_plane(runs, split),
        Colours(points),
        split,
        units,
        shown,
        estimates,
        _laws(runs, table, of_laws or split, group_by) if thermodynamics else None,
    )


def _laws(runs: Sequence[Run], table: DataFrame, split: str, group_by: Sequence[str] | None) -> Thermodynamics:
    return measure(gather(runs, table, split, group_by), runs, table, split)


def _objective(run: Run) -> str:
    return str(run.config.get("objective.name"))


def _measures(runs: Sequence[Run], split: str) -> set[str]:
    return {name for run in runs for name in final_measures(run).get(split, {})}


def _split(wanted: str | None, present: dict[str, set[str]]) -> str:
    if wanted is None:
        return next((name for name in ("test", "validation", "train") if present[name]), "test")
    if any(present.values()) and not present[wanted]:
        there = ", ".join(name for name in SPLITS if present[name])
        raise ConfigError(f"--split {wanted}: no run has measures of it; there are {there}")
    return wanted
