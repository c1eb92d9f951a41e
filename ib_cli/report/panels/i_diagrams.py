"""The I-diagrams of a report: per estimator of a single run, or per point of a sweep by the least flagged estimator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ib_cli.contracts.labels import counted, literal, mathtext
from ib_cli.report.panels.contents import Contents
from ib_cli.watch.pictures.i_diagram import QUANTITIES, Atoms, atoms

MOST = 6  # panels


def diagrams(contents: Contents) -> dict[str, Atoms]:
    """Title → the amounts of a panel: a panel per estimator of a single run; else per point, at most `MOST`."""
    of_runs = _of_runs(contents)
    return next(iter(of_runs.values()), {}) if len(of_runs) < 2 else _of_points(contents, of_runs)


def left_out(contents: Contents) -> str:
    """Why there is no diagram though runs have all its quantities; '' if there is one, or nothing to draw."""
    of_runs = _of_runs(contents)
    if not of_runs or diagrams(contents):
        return ""
    why = "no estimator has them for all runs" if _common(contents, of_runs) is None else "the runs are in no point"
    return f"no I-diagrams: {counted(len(of_runs), 'run')} with their quantities, but {why}"


def _of_runs(contents: Contents) -> dict[int, dict[str, Atoms]]:
    """Row of a finished run → its estimators' amounts."""
    done = [i for i, run in enumerate(contents.runs) if run.status == "done"]
    found = {i: atoms(contents.runs[i].estimates, contents.estimated.split) for i in done}
    return {i: of for i, of in found.items() if of}


def _common(contents: Contents, of_runs: Mapping[int, Mapping[str, Atoms]]) -> str | None:
    name = contents.estimated.least_flagged(of_runs.keys(), *QUANTITIES)
    return name if name is not None and all(name in of for of in of_runs.values()) else None


def _of_points(contents: Contents, of_runs: dict[int, dict[str, Atoms]]) -> dict[str, Atoms]:
    """Title → the first run of a point, for at most `MOST` points with both ends of the sweep, all by one estimator."""
    common = _common(contents, of_runs)
    points = {int(contents.points.of_run[i]): i for i in reversed(of_runs)}
    points.pop(-1, None)
    if common is None or not points:
        return {}
    chosen = np.array(sorted(points))
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST)).round().astype(int))]
    return {_title(contents, point, common): of_runs[points[point]][common] for point in chosen}


def _title(contents: Contents, point: int, estimator: str) -> str:
    row = contents.points.table.iloc[point]
    words = [literal(row["curve"])] if len(contents.points.curves) > 1 else []
    words += [f"{mathtext(name)[:-1]} = {row[name]:g}$" for name in contents.points.varying_multipliers(row["curve"])]
    return ", ".join([*words, literal(estimator)])
