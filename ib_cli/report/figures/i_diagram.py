"""I-diagrams: information shared by x, y and z as areas, per estimator of a single run or per point of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ib_cli.contracts.labels import NATS_PER, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.watch.pictures.i_diagram import Atoms, atoms, i_diagrams

MOST = 6  # panels


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`i_diagram`: a panel per estimator of a single run; else a panel per point, at most `MOST`."""
    of_runs = {i: found for i, run in enumerate(contents.runs) if run.status == "done" and (found := _of(contents, i))}
    named = next(iter(of_runs.values()), {}) if len(of_runs) < 2 else _of_points(contents, of_runs)
    if not named:
        return []
    return style.write(i_diagrams(named, contents.units, NATS_PER[contents.units]), folder, "i_diagram")


def _of(contents: Contents, i: int) -> dict[str, Atoms]:
    return atoms(line for line in contents.runs[i].estimates if line.get("split") == contents.estimated.split)


def _of_points(contents: Contents, of_runs: dict[int, dict[str, Atoms]]) -> dict[str, Atoms]:
    """Title → the first run of a point, for at most `MOST` points with both ends of the sweep.

    All from the estimator that has estimates of all runs and the fewest flags.
    """
    common = _trusted(list(of_runs.values()))
    points = {int(contents.points.of_run[i]): i for i in reversed(of_runs)}
    points.pop(-1, None)
    if common is None or not points:
        return {}
    chosen = np.array(sorted(points))
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST)).round().astype(int))]
    return {_title(contents, point, common): of_runs[points[point]][common] for point in chosen}


def _trusted(found: Sequence[Mapping[str, Atoms]]) -> str | None:
    """Of the estimators that all have, the first with the fewest flags; None without one."""
    common = [name for name in found[0] if all(name in of for of in found)]
    flags = {name: sum(amount.flagged for of in found for amount in of[name]) for name in common}
    return min(common, key=lambda name: flags[name], default=None)


def _title(contents: Contents, point: int, estimator: str) -> str:
    row = contents.points.table.iloc[point]
    words = [str(row["curve"])] if len(contents.points.curves) > 1 else []
    words += [f"{mathtext(name)[:-1]} = {row[name]:g}$" for name in contents.points.varying_multipliers(row["curve"])]
    return ", ".join([*words, estimator])
