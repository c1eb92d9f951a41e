"""What the page plays a study back from: the functionals of each run over its epochs, and the runs of each point."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ib_cli.report.page.plot_parts import Plot, numbers
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.information_plane import shown_paths
from ib_cli.report.quantities.frontier import FUNCTIONALS, PAIRS
from ib_cli.report.quantities.thinning import thinned_rows

RECORDS = 20_000  # of all runs together, as of a plot of trajectories
FEWEST, MOST = 12, 200  # per run
UNFINISHED = "unfinished"


def playback(contents: Contents) -> dict[str, Any]:
    """`epochs`: all that a slider stops at, ascending; `runs`: row of a run → its epochs and functionals there, in the
    units; `members`: the runs of each point."""
    runs = {str(i): history for i in range(len(contents.runs)) if (history := _history(contents, i))}
    epochs = {epoch for history in runs.values() for epoch in history["epochs"]}
    epochs |= {float(epoch) for path in shown_paths(contents).values() for epoch in path[:, 0]}
    members = [np.flatnonzero(contents.points.of_run == i).tolist() for i in range(len(contents.points.table))]
    return {"epochs": numbers(sorted(epochs)), "runs": runs, "members": members}


def under_way(contents: Contents, x: str, y: str) -> list[int]:
    """Runs that have not ended and have recorded both functionals on the report's split."""
    return [i for i, run in enumerate(contents.runs) if run.status == UNFINISHED and len(_last(contents, i, x, y))]


def pairs_under_way(contents: Contents, there: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of functionals that only runs which have not ended have: those of no frontier in `there`."""
    return [pair for pair in PAIRS if "-".join(pair) not in there and under_way(contents, *pair)]


def under_way_trace(contents: Contents, x: str, y: str) -> list[Plot]:
    """The last records of runs that have not ended, as hollow crosses; no trace without such runs."""
    runs = under_way(contents, x, y)
    if not runs:
        return []
    at = np.array([_last(contents, i, x, y) for i in runs])
    marker = {"size": 9, "symbol": "x-open", "color": contents.colours.hexes(contents.run_colour_values[runs])}
    return [{
        "type": "scatter", "mode": "markers", "name": "not done", "customdata": runs, "marker": marker,
        "x": numbers(at[:, 0]), "y": numbers(at[:, 1]), "play": "runs",
    }]  # fmt: skip


def _history(contents: Contents, i: int) -> dict[str, list[float | None]]:
    """Epochs and functionals of a run on the report's split, thinned; {} of a run without epochs."""
    run = contents.runs[i]
    names = [name for name in FUNCTIONALS if name in run.metrics]
    if not names or "epoch" not in run.metrics or run.exact or run.baseline:
        return {}
    rows = np.flatnonzero((run.splits == contents.split) & np.isfinite(run.metrics["epoch"]))
    rows = rows[np.argsort(run.metrics["epoch"][rows], kind="stable")]
    if len(rows) == 0:
        return {}
    most = int(np.clip(RECORDS // len(contents.runs), FEWEST, MOST))
    rows = rows[thinned_rows(len(rows), most)]
    values = {name: numbers(run.metrics[name][rows] * contents.scale(name)) for name in names}
    return {"epochs": numbers(run.metrics["epoch"][rows]), **values}


def _last(contents: Contents, i: int, x: str, y: str) -> np.ndarray:
    """The last record (2,) of both functionals, in the units; empty without one."""
    run = contents.runs[i]
    if x not in run.metrics or y not in run.metrics:
        return np.empty(0)
    found = np.stack([run.metrics[x] * contents.scale(x), run.metrics[y] * contents.scale(y)], 1)
    found = found[(run.splits == contents.split) & np.isfinite(found).all(1)]
    return found[-1] if len(found) else np.empty(0)
