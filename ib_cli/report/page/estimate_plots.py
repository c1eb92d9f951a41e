"""The page's plots of estimates, as grids of panels: the residual plane, and entropies over the epochs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ib_cli.report.page.plot_parts import GREY, Plot, bar, layout, plain_line
from ib_cli.report.page.run_lines import FEW, end_marks, flagged_lines
from ib_cli.report.panels import entropies as of_entropies
from ib_cli.report.panels import residual_plane as residual
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.residual_plane import PRESERVED, RESIDUAL
from ib_cli.report.quantities.estimated import EstimatedPath

ROW = 300  # pixels per row of panels


class Axes(NamedTuple):
    """Titles and limits of a panel's axes."""

    x: str
    y: str
    across: tuple[float, float]
    up: tuple[float, float]


def residual_plane(contents: Contents) -> list[Plot]:
    """The residual plane, a row per estimator and a column per curve; none without estimates."""
    rows = residual.panels(contents)
    if not rows:
        return []
    grid, k, traces = [], contents.scale(PRESERVED), []
    for row in rows:
        by = f", {row[0].estimator} ({contents.units})"
        across, up = residual.axis_limits(row)
        axes = Axes(PRESERVED + by, RESIDUAL + by, tuple(across * k), tuple(up * k))
        for panel in row:
            lines = _lines(panel.paths, k)
            flagged = {run: path.flagged for run, path in panel.paths.items()}
            hollow = {run for run, marks in flagged.items() if marks[-1]}
            own = [
                plain_line(residual.floor(panel, across) * k, {"color": GREY, "width": 1}),
                *flagged_lines(contents, lines, flagged, contents.colours, len(lines) <= FEW),
                plain_line(panel.saturation * k, {"color": "#000", "dash": "dash", "width": 1.5}),
                end_marks(contents, lines, contents.colours, hollow),
            ]
            grid.append(axes)
            traces += _placed(own, len(grid))
    note = (
        "A line per run along its epochs, its end marked; dotted and hollow where the estimate is flagged. Dashed: the "
        "saturation curve, the lower convex hull of the unflagged ends. Grey: I[X;Y] − I[X;Z], below which nothing is."
    )
    plot = {"id": "residual-plane", "plays": "plane", "title": "Preserved and residual information"}
    return [plot | _panelled(contents, traces, grid, [panel.curve for panel in rows[0]], note)]


def entropies(contents: Contents) -> list[Plot]:
    """Entropies over the epochs, a row per estimator and quantity, a column per curve; none for a single epoch."""
    rows = of_entropies.panels(contents)
    if not rows:
        return []
    grid, traces = [], []
    for row in rows:
        k = contents.scale(row[0].quantity)
        across, up = of_entropies.axis_limits(row)
        axes = Axes("epoch", f"{row[0].quantity}, {row[0].estimator} ({contents.units})", across, tuple(up * k))
        for panel in row:
            grid.append(axes)
            traces += _placed(_over_epochs(contents, panel, k), len(grid))
    note = "A line per run, dotted where the estimate is flagged; a cross ends a run that is not done."
    plot = {"id": "entropies", "title": "Entropies over the epochs"}
    return [plot | _panelled(contents, traces, grid, [panel.curve for panel in rows[0]], note)]


def _panelled(contents: Contents, traces: list[Plot], grid: list[Axes], curves: list[str], note: str) -> dict[str, Any]:
    """Common entries of both plots: split in the note, height, colour bar, layout."""
    return {
        "note": f"Estimates of the {contents.estimated.split} split. {note}",
        "height": ROW * len(grid) // len(curves),
        "traces": [*traces, *bar(contents.colours)],
        "layout": _layout(grid, curves),
    }


def _over_epochs(contents: Contents, panel: of_entropies.EntropyPanel, k: float) -> list[Plot]:
    lines = {run: np.column_stack([path.epochs, path.epochs, path.values * k]) for run, path in panel.paths.items()}
    stopped = {run: line for run, line in lines.items() if contents.runs[run].status != "done"}
    return [
        *flagged_lines(contents, lines, {i: path.flagged for i, path in panel.paths.items()}, contents.colours, False),
        end_marks(contents, stopped, contents.colours),
    ]


def _lines(paths: dict[int, EstimatedPath], k: float) -> dict[int, np.ndarray]:
    return {run: np.column_stack([path.epochs, path.values * k]) for run, path in paths.items()}


def _placed(traces: list[Plot], number: int) -> list[Plot]:
    """The traces in panel `number`, counted from 1, row by row."""
    return [{**trace, "xaxis": f"x{number}", "yaxis": f"y{number}"} for trace in traces]


def _layout(grid: list[Axes], curves: list[str]) -> dict[str, Any]:
    """A column per curve, with the curve's name above if there are several."""
    whole = layout("", "", showlegend=False)
    x, y = whole.pop("xaxis"), whole.pop("yaxis")
    for number, axes in enumerate(grid, 1):
        own = {"anchor": f"y{number}", "title": {"text": axes.x}, "range": [float(end) for end in axes.across]}
        whole[f"xaxis{number}"] = {**x, **own}
        own = {"anchor": f"x{number}", "title": {"text": axes.y}, "range": [float(end) for end in axes.up]}
        whole[f"yaxis{number}"] = {**y, **own}
    columns = len(curves)
    whole["grid"] = {"rows": len(grid) // columns, "columns": columns, "pattern": "independent", "ygap": 0.25}
    whole["annotations"] = [
        {
            "text": curve, "showarrow": False, "font": {"size": 13}, "x": 0.5, "y": 1.0, "yanchor": "bottom",
            "xref": f"x{number} domain", "yref": f"y{number} domain",
        }
        for number, curve in enumerate(curves if columns > 1 else [], 1)
    ]  # fmt: skip
    return whole
