"""The page's plots in the form of plotly.js: lists of traces and a layout, of plain numbers.

Marks of runs have the runs' rows in `customdata`; marks of medians have their points in `points`. The page's script
makes hover texts from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import GREEK, counted, in_order, plain
from ib_cli.report.figures.style import cycled
from ib_cli.report.page.cross_entropy_plots import cross_entropies
from ib_cli.report.page.error_plots import error_by_entropy
from ib_cli.report.page.estimate_plots import entropies, residual_plane
from ib_cli.report.page.law_plots import law_plots
from ib_cli.report.page.path_plots import path_plots
from ib_cli.report.page.playback import pairs_under_way, under_way_trace
from ib_cli.report.page.plot_parts import (
    BASELINE,
    DASHES,
    GREY,
    SYMBOLS,
    Plot,
    bar,
    detail,
    layout,
    medians,
    numbers,
    per_cent,
    spread_bars,
)
from ib_cli.report.page.run_lines import FEW, end_marks, flagged_lines, run_lines
from ib_cli.report.page.surface_plot import surface
from ib_cli.report.page.sweep_plots import first_law, measures
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.information_plane import hollow_ends, limits, meaning, outside, shown_paths
from ib_cli.report.panels.run_groups import run_groups
from ib_cli.report.panels.trajectories import outside as epochs_outside
from ib_cli.report.panels.trajectories import trajectories, value_limits
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.spread import bar_words

if TYPE_CHECKING:
    from pandas import DataFrame

FEWEST = 3  # points of a surface
LIMIT = {"color": "#000", "width": 1.8}  # the line of an exact limit


def plots(contents: Contents) -> list[Plot]:
    """All plots of the page in their order: id, section, title, note, traces, layout."""
    frontiers = contents.frontiers.groupby("frontier", sort=False)
    found = [plot for name, rows in frontiers if (plot := _frontier(contents, str(name), rows)) is not None]
    found += [_under_way(contents, *pair) for pair in pairs_under_way(contents, set(contents.frontiers["frontier"]))]
    if contents.plane.paths:
        found.append(_plane(contents))
    found += residual_plane(contents)
    found += first_law(contents)
    found = [{"section": "Frontiers and information plane", **plot} for plot in found]
    found += path_plots(contents)
    found += law_plots(contents.thermodynamics)
    found += [{"section": "Measures and multipliers", **plot} for plot in measures(contents)]
    over_epochs = [plot for name in in_order(set(contents.metrics)) if (plot := _trajectories(contents, name))]
    over_epochs += entropies(contents)
    over_epochs += cross_entropies(contents) + error_by_entropy(contents)
    found += [{"section": "Trajectories", **plot} for plot in over_epochs]
    return [{"split": contents.split, **plot} for plot in found]


def _frontier(contents: Contents, name: str, rows: DataFrame) -> Plot | None:
    axes = name.split("-")
    if len(axes) == 3:
        return surface(contents, axes, rows) if len(rows) >= FEWEST else None
    x, y = axes
    colours = Colours(contents.points, set(rows["curve"]))
    traces: list[Plot] = []
    curves, limits = contents.points.curves, contents.exact_limits.get(name, {})
    for i, curve in enumerate(curves):
        of_curve = rows[rows["curve"] == curve]
        if len(of_curve) and curve in limits:
            traces.append(_limit(contents, limits[curve], of_curve[of_curve["hull"]].sort_values(x), (x, y), LIMIT))
        elif len(of_curve) and curve in contents.baselines:
            traces.append(_limit(contents, curve, of_curve.sort_values(x), (x, y), BASELINE))
        elif len(of_curve):
            traces += _curve(contents, colours, of_curve, (x, y), i)
    linear = not set(rows["curve"]).isdisjoint(contents.baselines)
    a, b = plain(x, contents.units, contents.own), plain(y, contents.units, contents.own)
    return {
        "id": f"frontier-{x}-{y}",
        "title": f"Frontier {x}–{y}",
        "note": "Large: median over the runs that differ by their seed alone. "
        + (f"{words}. " if (words := bar_words(rows["runs"])) else "")
        + "Small: single runs. Line: lower convex hull of the medians."
        + (" Black line: the exact limit, below which nothing can be." if limits else "")
        + (
            " Grey line of dots and dashes: what a linear Gaussian model attains; others may be below."
            if linear
            else ""
        ),
        "traces": traces + under_way_trace(contents, x, y) + bar(colours),
        "plays": axes,
        "layout": layout(a, b, showlegend=True),
    }


def _under_way(contents: Contents, x: str, y: str) -> Plot:
    """A frontier of which no run has ended."""
    a, b = plain(x, contents.units, contents.own), plain(y, contents.units, contents.own)
    return {
        "id": f"frontier-{x}-{y}",
        "title": f"Frontier {x}–{y}",
        "note": "No run is done: the last records of those under way.",
        "traces": under_way_trace(contents, x, y),
        "plays": [x, y],
        "layout": layout(a, b, showlegend=True),
    }


def _limit(contents: Contents, title: str, rows: DataFrame, axes: tuple[str, str], look: dict[str, Any]) -> Plot:
    """The exact limit, or a baseline, as a line without marks."""
    x, y = axes
    return {
        "type": "scatter", "mode": "lines", "name": title, "line": look,
        "x": numbers(rows[x] * contents.scale(x)), "y": numbers(rows[y] * contents.scale(y)),
        **medians(rows, (detail(contents, row, axes) for _, row in rows.iterrows())),
    }  # fmt: skip


def _curve(contents: Contents, colours: Colours, rows: DataFrame, axes: tuple[str, str], i: int) -> list[Plot]:
    x, y = axes
    a, b = contents.scale(x), contents.scale(y)
    curve, points = contents.points.curves[i], contents.points
    hull = rows[rows["hull"]].sort_values(x)
    members = np.flatnonzero(np.isin(points.of_run, rows.index))
    runs = contents.final_values(members, axes)
    of = f", {curve}" if len(points.curves) > 1 else ""
    line = {"color": GREY, "width": 1.2, "dash": cycled(DASHES, i)}
    symbol = cycled(SYMBOLS, i)
    single = {
        "size": 5,
        "opacity": 0.6,
        "symbol": symbol,
        "color": colours.hexes(points.colour_by[points.of_run[members]]),
    }
    median = {"size": 11, "symbol": symbol, "line": {"color": "#fff", "width": 1}}
    return [
        {
            "type": "scatter", "mode": "lines", "name": f"hull{of}", "hoverinfo": "skip", "line": line,
            "x": numbers(hull[x] * a), "y": numbers(hull[y] * b), "play": "hull",
        },
        {
            "type": "scatter", "mode": "markers", "name": f"medians{of}",
            "x": numbers(rows[x] * a), "y": numbers(rows[y] * b),
            "error_x": spread_bars(contents, rows, x, a), "error_y": spread_bars(contents, rows, y, b),
            "marker": {**median, "color": colours.hexes(points.colour_by[rows.index])},
            **medians(rows, (detail(contents, row, axes) for _, row in rows.iterrows())), "play": "medians",
        },
        {
            "type": "scatter", "mode": "markers", "name": f"runs{of}", "customdata": [int(m) for m in members],
            "x": numbers(runs[:, 0]), "y": numbers(runs[:, 1]),
            "marker": single, "play": "runs",
        },
    ]  # fmt: skip


def _plane(contents: Contents) -> Plot:
    plane, units, shown = contents.plane, contents.units, shown_paths(contents)
    colours = Colours(contents.points, contents.curves_of(shown))
    limited, meant = bool(contents.plane_exact_limits), meaning(contents)
    titles = (
        (f"rate R ≥ I(X;Z) ({units})", f"H(Y) − C ≤ I(Y;Z) ({units})")
        if plane.estimator is None
        else (f"I(X;Z), {plane.estimator} estimate ({units})", f"I(Y;Z), {plane.estimator} estimate ({units})")
    )
    left, right, bottom, top, log = limits(contents)
    span = [float(np.log10(left)), float(np.log10(right))] if log else [left, right]
    left_out, lacking = len(plane.left_out), len(plane.unestimated)
    note = "A line per run along its epochs, its end marked. "
    note += f"{told[0].upper()}{told[1:]}: double click zooms out. " if (told := outside(contents)) else ""
    return {
        "id": "information-plane",
        "plays": "plane",
        "title": f"Information plane, {plane.split} split",
        "note": note
        + (f"Hollow: {meant}. " if meant else "")
        + ("Black line: the exact limit. " if limited else "")
        + (f"Left out for want of I(X;Z), I(Y;Z) or H(Y): {counted(left_out, 'run')}. " if left_out else "")
        + (f"Bounds: there is no estimate of both for {counted(lacking, 'finished run')}." if lacking else ""),
        "traces": [
            _plane_bounds(contents),
            *(_plane_limit(contents, title, runs) for title, runs in contents.plane_exact_limits.items()),
            *flagged_lines(contents, shown, plane.flagged, colours, len(shown) <= FEW, plane.estimator is None),
            end_marks(contents, shown, colours, hollow_ends(contents)),
            *bar(colours),
        ],
        "layout": layout(
            *titles,
            xaxis={"type": "log" if log else "linear", "range": span},
            yaxis={"range": [bottom, top]},
            showlegend=limited or bool(run_groups(contents, shown)),
        ),
    }


def _plane_bounds(contents: Contents) -> Plot:
    """The dashed line of the largest I(Y;Z): I(X;Z) up to H(Y); without H(Y) it ends at the upper edge."""
    left, right, _, top, log = limits(contents)
    entropy = contents.plane.label_entropy
    H = np.inf if entropy is None else entropy * contents.scale("R")
    x = np.geomspace(left, right, 200) if log else np.array([0.0, min(H, top, right), right])
    x = x[(x <= top) | np.isfinite(H)]
    return {
        "type": "scatter", "mode": "lines", "name": "I(Y;Z) ≤ I(X;Z)" + (", H(Y)" if np.isfinite(H) else ""),
        "hoverinfo": "skip", "line": {"color": GREY, "dash": "dash", "width": 1.2},
        "x": numbers(x), "y": numbers(np.minimum(x, H)),
    }  # fmt: skip


def _plane_limit(contents: Contents, title: str, runs: list[int]) -> Plot:
    ends = np.array([contents.plane.paths[run][-1, 1:] for run in runs]) * contents.scale("R")
    return {
        "type": "scatter", "mode": "lines", "name": title, "line": LIMIT, "customdata": runs,
        "x": numbers(ends[:, 0]), "y": numbers(ends[:, 1]),
    }  # fmt: skip


def _trajectories(contents: Contents, name: str) -> Plot | None:
    found = trajectories(contents, name)
    if not found:
        return None
    lines = {run: line[:, [0, 0, 1]] for run, line in found.items()}
    colours = contents.colours
    few = len(lines) <= FEW  # the ends of a thousand lines say nothing and take a second to draw
    marked = {run: line for run, line in lines.items() if few or contents.runs[run].status != "done"}
    span = value_limits(found.values())
    told = epochs_outside(found.values(), span)
    note = "A line per run; a cross ends a run that is not done."
    return {
        "id": f"trajectory-{name}",
        "title": f"{GREEK.get(name, name)} over the epochs",
        "note": note + (f" {told[0].upper()}{told[1:]}: double click zooms out." if told else ""),
        "traces": [*run_lines(contents, lines, colours, False), end_marks(contents, marked, colours), *bar(colours)],
        "layout": layout(
            "epoch",
            plain(name, contents.units, contents.own),
            yaxis={"range": list(span), **per_cent(name)},
            showlegend=bool(run_groups(contents, found)),
        ),
    }
