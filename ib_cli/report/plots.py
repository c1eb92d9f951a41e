"""The page's plots, as plotly.js takes them: lists of traces and a layout, from plain numbers.

A point that is a run carries the run's row in `customdata`; the page's script turns it into the text of the hover.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.report.colours import Colours
from ib_cli.report.contents import Contents
from ib_cli.report.labels import GREEK, has_units, in_order, plain

if TYPE_CHECKING:
    from pandas import DataFrame

Plot = dict[str, Any]
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
GREY = "#737373"
TRAJECTORY_POINTS = 20_000  # of all runs of a plot together: what a browser draws at once without being felt
FEWEST_EPOCHS, MOST_EPOCHS = 12, 200  # of a run
FEW = 100  # runs: more are drawn thinner and smaller
MOST_SEEDS = 10  # named in a hover
COLOUR_BINS = 12  # lines of one colour are one trace, as plotly.js takes a millisecond a trace
DIGITS = 5


def plots(contents: Contents) -> list[Plot]:
    """Every plot of the page, in its order: id, title, note, traces, layout."""
    found = [_frontier(contents, str(name), rows) for name, rows in contents.frontiers.groupby("frontier", sort=False)]
    found = [plot for plot in found if plot is not None]
    if contents.plane.paths:
        found.append(_plane(contents))
    found += [plot for name in _trajectory_names(contents) if (plot := _trajectories(contents, name))]
    return found


def _numbers(values: Any) -> list[float | None]:
    """Rounded, as the page need not carry seventeen digits; null for what is not finite."""
    return [float(f"{v:.{DIGITS}g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=float)]


def _layout(x: str, y: str, **more: Any) -> dict[str, Any]:
    axis = {"zeroline": False, "gridcolor": "#e6e6e6", "linecolor": "#333", "ticks": "outside"}
    return {
        "xaxis": {**axis, "title": {"text": x}, **more.pop("xaxis", {})},
        "yaxis": {**axis, "title": {"text": y}, **more.pop("yaxis", {})},
        "margin": {"l": 65, "r": 20, "t": 30, "b": 50},
        "hovermode": "closest",
        "plot_bgcolor": "#fff",
        "paper_bgcolor": "#fff",
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "font": {"size": 11}},
        **more,
    }


def _bar(colours: Colours) -> list[Plot]:
    """A trace without points that carries the colour bar, ticks at the decades or at the ends."""
    if not colours.vary:
        return []
    from matplotlib.colors import to_hex

    low, high = np.log10(colours.low), np.log10(colours.high)
    decades = np.arange(np.ceil(low - 1e-9), np.floor(high + 1e-9) + 1)
    ticks = decades if len(decades) > 1 else np.array([low, high])
    bar = {
        "title": {"text": " or ".join(GREEK[name] for name in colours.names), "side": "top"},
        "tickvals": _numbers(ticks),
        "ticktext": [f"{10**tick:.3g}" for tick in ticks],
        "thickness": 12,
        "outlinewidth": 0,
    }
    scale = [[i / 15, to_hex(colours.map(i / 15))] for i in range(16)]
    marker = {"color": _numbers([low, high]), "cmin": low, "cmax": high, "colorscale": scale, "colorbar": bar}
    empty = {"x": [None, None], "y": [None, None], "hoverinfo": "skip", "showlegend": False}
    return [{"type": "scatter", "mode": "markers", **empty, "marker": {**marker, "showscale": True}}]


def _frontier(contents: Contents, name: str, rows: DataFrame) -> Plot | None:
    axes = name.split("-")
    if len(axes) != 2:
        return None
    x, y = axes
    colours = Colours(contents.points, set(rows["curve"]))
    traces: list[Plot] = []
    curves = contents.points.curves
    for i, curve in enumerate(curves):
        of_curve = rows[rows["curve"] == curve]
        if len(of_curve):
            traces += _curve(contents, colours, of_curve, (x, y), i)
    a, b = plain(x, contents.units), plain(y, contents.units)
    return {
        "id": f"frontier-{x}-{y}",
        "title": f"Frontier {x}–{y}",
        "note": "Large: median over the runs that differ by their seed alone, with quartiles. Small: single runs. "
        "Line: lower convex hull of the medians.",
        "traces": traces + _bar(colours),
        "layout": _layout(a, b, showlegend=True),
    }


def _curve(contents: Contents, colours: Colours, rows: DataFrame, axes: tuple[str, str], i: int) -> list[Plot]:
    x, y = axes
    a, b = contents.scale(x), contents.scale(y)
    curve, points = contents.points.curves[i], contents.points
    hull = rows[rows["hull"]].sort_values(x)
    members = np.flatnonzero(np.isin(points.of_run, rows.index))
    runs = contents.results.loc[members]
    of = f", {curve}" if len(points.curves) > 1 else ""
    line = {"color": GREY, "width": 1.2, "dash": DASHES[i % len(DASHES)]}
    symbol = SYMBOLS[i % len(SYMBOLS)]
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
            "x": _numbers(hull[x] * a), "y": _numbers(hull[y] * b),
        },
        {
            "type": "scatter", "mode": "markers", "name": f"medians{of}",
            "x": _numbers(rows[x] * a), "y": _numbers(rows[y] * b),
            "error_x": _quartiles(rows, x, a), "error_y": _quartiles(rows, y, b),
            "marker": {**median, "color": colours.hexes(points.colour_by[rows.index])},
            "text": [_point_text(contents, point, row, axes) for point, row in rows.iterrows()],
            "hovertemplate": "%{text}<extra></extra>",
        },
        {
            "type": "scatter", "mode": "markers", "name": f"runs{of}", "customdata": [int(m) for m in members],
            "x": _numbers(runs[f"{contents.split}/{x}"] * a), "y": _numbers(runs[f"{contents.split}/{y}"] * b),
            "marker": single,
        },
    ]  # fmt: skip


def _quartiles(rows: DataFrame, name: str, scale: float) -> dict[str, Any]:
    up, down = (rows[f"{name}_q3"] - rows[name]) * scale, (rows[name] - rows[f"{name}_q1"]) * scale
    bars = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": GREY}
    return {**bars, "array": _numbers(up), "arrayminus": _numbers(down)}


def _point_text(contents: Contents, point: Any, row: Any, axes: tuple[str, str]) -> str:
    """A median's hover: multipliers, measures, slopes, and whose it is."""
    parts = [", ".join(f"{GREEK[m]} = {row[m]:g}" for m in GREEK if m in row.index and np.isfinite(row[m]))]
    parts += [f"{n} = {row[n] * contents.scale(n):.4g} {contents.units}" for n in axes]
    if np.isfinite(row["slope"]):
        parts.append(f"−d{axes[1]}/d{axes[0]} = {row['slope']:.3g}")
    if np.isfinite(row["slope_predicted"]):
        parts.append(f"first law: {row['slope_predicted']:.3g}")
    parts.append(f"to the hull: {row['distance'] * contents.scale(axes[0]):.2g} {contents.units}")
    members = contents.results.loc[contents.points.of_run == point]
    seeds = ", ".join(str(seed) for seed in members["seed"].dropna().tolist()[:MOST_SEEDS])
    parts.append(f"median of {len(members)} runs, seeds {seeds}" if len(members) > 1 else f"seed {seeds}")
    if len(members) == 1:  # its mark hides the run's
        parts.append(escape(members["folder"].iloc[0]))
    return "<br>".join(part for part in parts if part)


def _some(count: int, runs: int) -> np.ndarray:
    """Rows of a trajectory to show, dense at the beginning; always the first and the last."""
    most = int(np.clip(TRAJECTORY_POINTS // max(runs, 1), FEWEST_EPOCHS, MOST_EPOCHS))
    return np.arange(count) if count <= most else np.unique(np.geomspace(1, count, most).round().astype(int)) - 1


def _bundles(contents: Contents, lines: dict[int, np.ndarray], colours: Colours, dots: bool) -> list[Plot]:
    """Lines (n, 3) of epoch, x, y as a trace per colour, with a gap between two runs."""
    bins: dict[str, list[int]] = {}
    for run, colour in zip(lines, colours.hexes(contents.run_colour_values[list(lines)], COLOUR_BINS)):
        bins.setdefault(colour, []).append(run)
    width = 1.2 if len(lines) <= FEW else 0.5
    traces = []
    for colour, runs in bins.items():
        kept = {run: lines[run][_some(len(lines[run]), len(lines))] for run in runs}
        joined = np.concatenate([np.concatenate([line, np.full((1, 3), np.nan)]) for line in kept.values()])
        ids = [run for run, line in kept.items() for _ in range(len(line) + 1)]
        traces.append({
            "type": "scatter", "mode": "lines+markers" if dots else "lines", "line": {"color": colour, "width": width},
            "marker": {"size": 3, "color": colour}, "opacity": 0.7, "x": _numbers(joined[:, 1]),
            "y": _numbers(joined[:, 2]), "customdata": ids, "epochs": _numbers(joined[:, 0]), "showlegend": False,
        })  # fmt: skip
    return traces


def _ends(contents: Contents, lines: dict[int, np.ndarray], colours: Colours) -> Plot:
    """A mark at the end of each line: a dot, and a cross for a run that is not done."""
    ends = np.array([line[-1] for line in lines.values()]).reshape(-1, 3)
    marker = {
        "size": 8 if len(lines) <= FEW else 5,
        "color": colours.hexes(contents.run_colour_values[list(lines)]),
        "symbol": ["circle" if contents.runs[run].status == "done" else "x" for run in lines],
        "line": {"color": "#fff", "width": 0.5},
    }
    return {
        "type": "scatter", "mode": "markers", "marker": marker, "customdata": list(lines), "showlegend": False,
        "x": _numbers(ends[:, 1]), "y": _numbers(ends[:, 2]), "epochs": [int(e) for e in ends[:, 0]],
    }  # fmt: skip


def _plane(contents: Contents) -> Plot:
    k = contents.scale("R")
    lines = {run: path * np.array([1, k, k]) for run, path in contents.plane.paths.items()}
    colours = Colours(contents.points, contents.curves_of(lines))
    ends = np.array([path[-1, 1:] for path in lines.values()])
    H = contents.plane.label_entropy
    top = max(ends[:, 1].max(), 0.0 if H is None else H * k)
    right, low = max(ends[:, 0].max() * 1.12, 1e-9), min(0.0, ends[:, 1].min())
    log = bool(ends[:, 0].min() > 0 and right / ends[:, 0].min() > 30)
    left = ends[:, 0].min() / 2 if log else -0.02 * right
    x = np.geomspace(left, right, 200) if log else np.array([0.0, min(top, right), right])
    limit = np.minimum(x, top if H is None else H * k)
    bounds = {
        "type": "scatter", "mode": "lines", "name": "I(Y;Z) ≤ I(X;Z), H(Y)", "hoverinfo": "skip",
        "line": {"color": GREY, "dash": "dash", "width": 1.2}, "x": _numbers(x), "y": _numbers(limit),
    }  # fmt: skip
    estimator, units = contents.plane.estimator, contents.units
    titles = (
        (f"rate R ≥ I(X;Z) ({units})", f"H(Y) − C ≤ I(Y;Z) ({units})")
        if estimator is None
        else (f"I(X;Z), {estimator} estimate ({units})", f"I(Y;Z), {estimator} estimate ({units})")
    )
    span = [float(np.log10(left)), float(np.log10(right))] if log else [left, right]
    left_out = len(contents.plane.left_out)
    note = "A line per run along its epochs, its end marked; first epochs may lie outside (zoom out: double click). "
    return {
        "id": "information-plane",
        "title": "Information plane",
        "note": note + (f"Left out for want of I(X;Z), I(Y;Z) or H(Y): {left_out} runs." if left_out else ""),
        "traces": [
            bounds,
            *_bundles(contents, lines, colours, len(lines) <= FEW),
            _ends(contents, lines, colours),
            *_bar(colours),
        ],
        "layout": _layout(
            *titles,
            xaxis={"type": "log" if log else "linear", "range": span},
            yaxis={"range": [low - 0.1 * (top - low), top + 0.08 * (top - low)]},
            showlegend=False,
        ),
    }


def _trajectory_names(contents: Contents) -> list[str]:
    return in_order(set(contents.metrics))


def _trajectories(contents: Contents, name: str) -> Plot | None:
    k = contents.scale(name)
    lines = {}
    for i, run in enumerate(contents.runs):
        if name in run.metrics and "epoch" in run.metrics:
            epoch = run.metrics["epoch"]
            line = np.stack([epoch, epoch, run.metrics[name] * k], 1)[run.splits == contents.split]
            line = line[np.isfinite(line).all(1)]
            if len(line):
                lines[i] = line
    if not lines:
        return None
    colours = contents.colours
    few = len(lines) <= FEW  # the ends of a thousand lines say nothing and take a second to draw
    marked = {run: line for run, line in lines.items() if few or contents.runs[run].status != "done"}
    settled = np.concatenate([line[len(line) // 10 :, 2] for line in lines.values()])
    low, high = float(settled.min()), float(settled.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return {
        "id": f"trajectory-{name}",
        "group": "trajectories",
        "title": GREEK.get(name, name),
        "note": "A line per run; a cross ends a run that is not done." if has_units(name) else "A line per run.",
        "traces": [*_bundles(contents, lines, colours, False), _ends(contents, marked, colours), *_bar(colours)],
        "layout": _layout(
            "epoch", plain(name, contents.units), yaxis={"range": [low - margin, high + margin]}, showlegend=False
        ),
    }
