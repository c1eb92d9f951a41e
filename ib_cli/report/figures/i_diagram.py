"""I-diagrams: the information that x, y and z share, as areas, of one run by each estimator or of a sweep's points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ib_cli.i_diagram import Atoms, atoms, i_diagrams
from ib_cli.report.contents import Contents
from ib_cli.report.figures import style
from ib_cli.report.labels import NATS_PER, mathtext

MOST = 6  # panels


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`i_diagram`: a panel per estimator of an only run, else one per point, some of them where there are many."""
    of_runs = {i: found for i, run in enumerate(contents.runs) if run.status == "done" and (found := _of(contents, i))}
    named = next(iter(of_runs.values()), {}) if len(of_runs) < 2 else _of_points(contents, of_runs)
    if not named:
        return []
    return style.write(i_diagrams(named, contents.units, NATS_PER[contents.units]), folder, "i_diagram")


def _of(contents: Contents, i: int) -> dict[str, Atoms]:
    return atoms(line for line in contents.runs[i].estimates if line.get("split") == contents.estimated.split)


def _of_points(contents: Contents, of_runs: dict[int, dict[str, Atoms]]) -> dict[str, Atoms]:
    """The first run of each point, by the first estimator that all have: the ends of the sweep and some between."""
    first, *others = of_runs.values()
    common = next((name for name in first if all(name in other for other in others)), None)
    points = {int(contents.points.of_run[i]): i for i in reversed(of_runs)}
    points.pop(-1, None)
    if common is None or not points:
        return {}
    chosen = np.array(sorted(points))
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST)).round().astype(int))]
    return {_title(contents, point, common): of_runs[points[point]][common] for point in chosen}


def _title(contents: Contents, point: int, estimator: str) -> str:
    row = contents.points.table.iloc[point]
    words = [str(row["curve"])] if len(contents.points.curves) > 1 else []
    words += [f"{mathtext(name)} $= {row[name]:g}$" for name in contents.points.swept_too(row["curve"])]
    return ", ".join([*words, estimator])
