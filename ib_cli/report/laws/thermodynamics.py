"""All laws measured on a report's runs, and remarks on laws that could not be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.convexity import convexity
from ib_cli.report.laws.first_law import envelope, first_law
from ib_cli.report.laws.free_rate import free_rate
from ib_cli.report.laws.grid import Grid, grids
from ib_cli.report.laws.maxwell import maxwell
from ib_cli.report.laws.recorded_laws import FILE, recorded_laws
from ib_cli.report.laws.relation import Relation, summary
from ib_cli.report.laws.susceptibilities import susceptibilities
from ib_cli.report.read.points import Points
from ib_cli.report.read.runs import RecordedRun

if TYPE_CHECKING:
    from pandas import DataFrame

FEWEST = 3  # values of a multiplier that a derivative needs


@dataclass(frozen=True)
class Thermodynamics:
    """All measured laws, in nats. `remarks`: what could not be measured, and why."""

    points: Points
    split: str
    relations: tuple[Relation, ...]  # relations with a value in at least one cell
    table: DataFrame  # a row per relation and point
    summary: DataFrame  # a row per relation that predicts something
    recorded: DataFrame  # a row per line that runs wrote themselves
    remarks: tuple[str, ...]

    @property
    def everything(self) -> DataFrame:
        """`table` and `recorded` as one table."""
        import pandas as pd

        return pd.concat([table for table in (self.table, self.recorded) if len(table)])

    def of(self, *laws: str) -> list[Relation]:
        """The relations of these laws."""
        return [relation for relation in self.relations if relation.law in laws]


def measure_laws(points: Points, runs: Sequence[RecordedRun], results: DataFrame, split: str) -> Thermodynamics:
    """Measure every law that the runs allow. Raises ConfigError if no law can be measured."""
    import pandas as pd

    found, remarks = grids(points, runs, results, split)
    relations: list[Relation] = []
    for grid in found:
        remarks += _lacking(grid)
        measured, unmeasured = _measured(grid)
        if grid.doubted.any():
            for shaken in (grid.shaken(sign) for sign in (1, -1)):
                others = {_key(relation): relation for relation in _measured(shaken)[0]}
                measured = [relation.doubted_by(others.get(_key(relation))) for relation in measured]
        relations += measured
        remarks += unmeasured
    relations = [
        relation for relation in relations if (np.isfinite(relation.value) & (relation.grid.points >= 0)).any()
    ]
    remarks += _doubted(points, runs)
    own = recorded_laws(runs)
    if own.empty:
        remarks.append(f"no run wrote {FILE}: nothing on the zeroth law, the second law and the partition function")
    if not relations and own.empty:
        reason = remarks[0] if found or remarks[:-1] else f"no run is done with measures of the {split} split"
        raise ConfigError(f"--thermodynamics: no law can be measured: {reason}")
    tables = [relation.table() for relation in relations]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=["law", "relation", "curve"])
    return Thermodynamics(
        points, split, tuple(relations), table, summary(relations), own, tuple(dict.fromkeys(remarks))
    )


def _measured(grid: Grid) -> tuple[list[Relation], list[str]]:
    """Every relation of a grid, and remarks on those that could not be measured."""
    (maxwells, unmeasured), (answers, more) = maxwell(grid), susceptibilities(grid)
    found = [*first_law(grid), *envelope(grid), *maxwells, *answers, *convexity(grid), *free_rate(grid)]
    return found, [*unmeasured, *more]


def _key(relation: Relation) -> tuple[str, str, str]:
    return relation.law, relation.statement, relation.along


def _doubted(points: Points, runs: Sequence[RecordedRun]) -> list[str]:
    """A remark on runs whose averages are not to be trusted, and so the laws that they enter."""
    used = [run for run, point in zip(runs, points.of_run) if point >= 0]
    unsure = [run for run in used if run.doubts]
    if not unsure:
        return []
    return [
        f"{len(unsure)} of {len(used)} runs say that their averages are not to be trusted, nor are laws drawn from "
        f"them; {unsure[0].study}/{unsure[0].id}: {unsure[0].doubts[0]}"
    ]


def _lacking(grid: Grid) -> list[str]:
    """Remarks on multipliers and seeds that the curve's runs do not vary, and on the laws missing therefore."""
    curve, lagrangian, remarks = grid.curve, grid.lagrangian, []
    few = [name for name in lagrangian.multipliers if len(grid.ticks.get(name, ())) < FEWEST]
    if few:
        names = ", ".join(GREEK[name] for name in few)
        counts = ", ".join(str(len(np.unique(grid.at[name]))) for name in few)
        remarks.append(f"{curve}: no derivatives by {names}: {FEWEST} values or more are needed, there {_is(counts)}")
    enough = [name for name in grid.axes if name not in few]
    if len(enough) < 2:
        along = f"{GREEK[enough[0]]} alone" if enough else "none"
        remarks.append(f"{curve}: no Maxwell relations: they need a grid of two multipliers, {along} is varied enough")
    if "sigma" not in lagrangian.multipliers:
        remarks.append(f"{curve}: no free rate and no (∂R/∂σ)_D: the objective has no σ, or it is 0")
    if len(lagrangian.functionals) < 2:
        remarks.append(f"{curve}: no first law and no convexity: the objective has {lagrangian.last} alone")
    if len(grid.values["J"]) == 1:
        remarks.append(f"{curve}: one seed: errors are those of the finite differences alone")
    return remarks


def _is(counts: str) -> str:
    return f"is {counts}" if counts == "1" else f"are {counts}"
