"""The page's plots of estimates, as grids of panels: the residual plane, and entropies over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ib_cli.report.page.plot_parts import GREY, Plot, bar, layout, plain_line
from ib_cli.report.page.run_lines import FEW, end_marks, flagged_lines
from ib_cli.report.panels import entropies as of_entropies
from ib_cli.report.panels import residual_plane as residual
from ib_cli.report.panels.abreast import ABREAST, Strip, strips
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.residual_plane import PRESERVED, RESIDUAL
from ib_cli.report.panels.run_groups import run_groups
from ib_cli.report.quantities.estimated import EstimatedPath

ROW = 300  # pixels per row of panels


class Axes(NamedTuple):
    """Titles and limits of a panel's axes, and the curve's name where it is to stand above."""

    x: str
    y: str
    across: tuple[float, float]
    up: tuple[float, float]
    above: str = ""


def residual_plane(contents: Contents) -> list[Plot]:
    """The residual plane, a row per estimator and a column per curve; none without estimates."""
    rows = residual.panels(contents)
    if not rows:
        return []
    grid: list[Axes | None] = []
    k, traces = contents.scale(PRESERVED), list[Plot]()
    for strip in strips(rows):
        row = rows[strip.row]
        by = f", {row[0].estimator} ({contents.units})"
        across, up = residual.axis_limits(row)
        axes = Axes(PRESERVED + by, RESIDUAL + by, tuple(across * k), tuple(up * k))
        for panel in strip.panels:
            lines = _lines(panel.paths, k)
            flagged = {run: path.flagged for run, path in panel.paths.items()}
            hollow = {run for run, marks in flagged.items() if marks[-1]}
            own = [
                plain_line(residual.floor(panel, across) * k, {"color": GREY, "width": 1}),
                *flagged_lines(contents, lines, flagged, contents.colours, len(lines) <= FEW, curves=False),
                plain_line(panel.saturation * k, {"color": "#000", "dash": "dash", "width": 1.5}),
                end_marks(contents, lines, contents.colours, hollow, curves=False),
            ]
            grid.append(_named(axes, strip, panel.curve, rows))
            traces += _placed(own, len(grid))
        grid += _blank(strip, rows)
    note = (
        "A line per run along its epochs, its end marked; dotted and hollow where the estimate is flagged. Dashed: the "
        "saturation curve, the lower convex hull of the unflagged ends. Grey: I[X;Y] − I[X;Z], below which nothing is."
    )
    plot = {"id": "residual-plane", "plays": "plane", "title": "Preserved and residual information"}
    return [plot | _panelled(contents, traces, grid, min(len(rows[0]), ABREAST), note)]


def entropies(contents: Contents) -> list[Plot]:
    """Entropies over the epochs, a row per estimator and quantity, a column per curve; none for a single epoch."""
    rows = of_entropies.panels(contents)
    if not rows:
        return []
    grid: list[Axes | None] = []
    traces: list[Plot] = []
    for strip in strips(rows):
        row = rows[strip.row]
        k = contents.scale(row[0].quantity)
        across, up = of_entropies.axis_limits(row)
        axes = Axes("epoch", f"{row[0].quantity}, {row[0].estimator} ({contents.units})", across, tuple(up * k))
        for panel in strip.panels:
            grid.append(_named(axes, strip, panel.curve, rows))
            traces += _placed(_over_epochs(contents, panel, k), len(grid))
        grid += _blank(strip, rows)
    note = "A line per run, dotted where the estimate is flagged; a cross ends a run that is not done."
    plot = {"id": "entropies", "title": "Entropies over the epochs"}
    return [plot | _panelled(contents, traces, grid, min(len(rows[0]), ABREAST), note)]


def _named(axes: Axes, strip: Strip, curve: str, rows: Sequence[Sequence[Any]]) -> Axes:
    return axes._replace(above=curve) if strip.first and len(rows[0]) > 1 else axes


def _blank(strip: Strip, rows: Sequence[Sequence[Any]]) -> list[None]:
    """The empty places beside the last strips' panels."""
    return [None] * (min(len(rows[0]), ABREAST) - len(strip.panels))


def _panelled(
    contents: Contents, traces: list[Plot], grid: Sequence[Axes | None], columns: int, note: str
) -> dict[str, Any]:
    """Common entries of both plots: split in the note, height, colour bar, layout."""
    return {
        "split": contents.estimated.split,
        "note": f"Estimates of the {contents.estimated.split} split. {note}",
        "height": ROW * len(grid) // columns,
        "traces": [*_named_once(traces), *bar(contents.colours)],
        "layout": _layout(grid, columns, bool(run_groups(contents, _runs(traces), curves=False))),
    }


def _named_once(traces: list[Plot]) -> list[Plot]:
    """The legend has each group once; a click on it hides its lines in all panels."""
    seen: set[str] = set()
    found = []
    for trace in traces:
        name = trace.get("name", "")
        found.append({**trace, "legendgroup": name, "showlegend": name not in seen} if trace["showlegend"] else trace)
        seen |= {name} if trace["showlegend"] else set()
    return found


def _over_epochs(contents: Contents, panel: of_entropies.EntropyPanel, k: float) -> list[Plot]:
    lines = {run: np.column_stack([path.epochs, path.epochs, path.values * k]) for run, path in panel.paths.items()}
    flagged = {run: path.flagged for run, path in panel.paths.items()}
    stopped = {run: line for run, line in lines.items() if contents.runs[run].status != "done"}
    return [
        *flagged_lines(contents, lines, flagged, contents.colours, False, curves=False),
        end_marks(contents, stopped, contents.colours, curves=False),
    ]


def _lines(paths: dict[int, EstimatedPath], k: float) -> dict[int, np.ndarray]:
    return {run: np.column_stack([path.epochs, path.values * k]) for run, path in paths.items()}


def _placed(traces: list[Plot], number: int) -> list[Plot]:
    """The traces in panel `number`, counted from 1, row by row."""
    of = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    return [{**trace, **of} for trace in traces]


def _runs(traces: Sequence[Plot]) -> list[int]:
    return sorted({run for trace in traces for run in trace.get("customdata", ())})


def _layout(grid: Sequence[Axes | None], columns: int, legend: bool) -> dict[str, Any]:
    """A column per curve, a few side by side, with the curve's name above if there are several."""
    whole = layout("", "", showlegend=legend)
    x, y = whole.pop("xaxis"), whole.pop("yaxis")
    whole["annotations"] = []
    for number, axes in enumerate(grid, 1):
        if axes is None:
            continue
        own = {"anchor": f"y{number}", "title": {"text": axes.x}, "range": [float(end) for end in axes.across]}
        whole[f"xaxis{number}"] = {**x, **own}
        own = {"anchor": f"x{number}", "title": {"text": axes.y}, "range": [float(end) for end in axes.up]}
        whole[f"yaxis{number}"] = {**y, **own}
        if axes.above:
            whole["annotations"].append({
                "text": axes.above, "showarrow": False, "font": {"size": 13}, "x": 0.5, "y": 1.0, "yanchor": "bottom",
                "xref": f"x{number} domain", "yref": f"y{number} domain",
            })  # fmt: skip
    whole["grid"] = {"rows": len(grid) // columns, "columns": columns, "pattern": "independent", "ygap": 0.25}
    return whole
