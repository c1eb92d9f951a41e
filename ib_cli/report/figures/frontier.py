"""Frontiers of pairs of R, D, C and S: single runs, medians with quartiles, and the lower convex hull."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import label, literal
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.spread import bar_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

MANY = 400  # points: above this, smaller marks


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`frontier_R_C` and so on, a figure per pair."""
    files: list[Path] = []
    for name, rows in contents.frontiers.groupby("frontier", sort=False):
        axes = str(name).split("-")
        if len(axes) == 2:
            figure, (panel,) = style.new()
            paint(contents, panel, rows, axes[0], axes[1])
            style.says(figure, style.of_split(contents))
            files += style.write(figure, folder, f"frontier_{axes[0]}_{axes[1]}")
    return files


def paint(contents: Contents, panel: Axes, rows: DataFrame, x: str, y: str) -> None:
    """The frontier of x and y, with its `rows` of `contents.frontiers`, into a panel."""
    colours = Colours(contents.points, set(rows["curve"]))
    limits = contents.exact_limits.get(f"{x}-{y}", {})
    for i, curve in enumerate(contents.points.curves):
        of_curve = rows[rows["curve"] == curve]
        if len(of_curve) and curve in limits:
            limit = of_curve[of_curve["hull"]].sort_values(x)
            across, up = limit[x] * contents.scale(x), limit[y] * contents.scale(y)
            panel.plot(across, up, color="black", lw=1.2, zorder=1.5)
        elif len(of_curve) and curve in contents.baselines:
            line = of_curve.sort_values(x)
            panel.plot(line[x] * contents.scale(x), line[y] * contents.scale(y), zorder=1.2, **style.BASELINE)
        elif len(of_curve):
            marker = style.cycled(style.MARKERS, i)
            _seeds(panel, contents, colours, of_curve, (x, y), marker)
            _hull(panel, contents, of_curve, x, y, style.cycled(style.DASHES, i))
            _medians(panel, contents, colours, of_curve, (x, y), marker)
    style.tidy(panel, label(x, contents.units), label(y, contents.units))
    style.colour_bar(panel.figure, [panel], colours)
    _legend(panel, contents, rows, limits)


def _seeds(
    panel: Axes, contents: Contents, colours: Colours, rows: DataFrame, axes: tuple[str, str], marker: str
) -> None:
    runs = contents.repeated_runs(rows)
    panel.scatter(
        *contents.final_values(runs, axes).T,
        s=7 if len(runs) <= MANY else 3,
        c=colours.hexes(contents.points.colour_by[contents.points.of_run[runs]]),
        marker=marker,
        linewidths=0,
        alpha=0.55,
        zorder=2,
    )


def _hull(panel: Axes, contents: Contents, rows: DataFrame, x: str, y: str, dashes: str) -> None:
    hull = rows[rows["hull"]].sort_values(x)
    if len(hull) > 1:
        panel.plot(hull[x] * contents.scale(x), hull[y] * contents.scale(y), dashes, color="0.45", lw=0.8, zorder=1)


def _medians(
    panel: Axes, contents: Contents, colours: Colours, rows: DataFrame, axes: tuple[str, str], marker: str
) -> None:
    x, y = axes
    hexes = colours.hexes(contents.points.colour_by[rows.index])
    a, b = contents.scale(x), contents.scale(y)
    if (rows["runs"] > 1).any():
        panel.errorbar(
            rows[x] * a,
            rows[y] * b,
            xerr=_bars(contents, rows, x) * a,
            yerr=_bars(contents, rows, y) * b,
            fmt="none",
            ecolor=hexes,
            elinewidth=0.8,
            zorder=3,
        )
    size = 24 if len(rows) <= MANY else 8
    panel.scatter(
        rows[x] * a, rows[y] * b, s=size, c=hexes, marker=marker, edgecolors="white", linewidths=0.5, zorder=4
    )


def _bars(contents: Contents, rows: DataFrame, name: str) -> np.ndarray:
    """Lengths (2, n) of the bars: down to their lower ends, up to their upper ones."""
    low, high = contents.bar_ends(rows, name)
    return np.stack([rows[name] - low, high - rows[name]]).clip(min=0)


def _median(rows: DataFrame) -> str:
    """The legend's entry for the large marks: `median of n = 2, bar = range`."""
    number, _, bar = bar_words(rows["runs"]).partition(": median, ")
    return f"median of {number}, {bar}"


def _legend(panel: Axes, contents: Contents, rows: DataFrame, limits: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    curves = contents.points.curves
    baselines = [curve for curve in contents.baselines if (rows["curve"] == curve).any()]
    apart = {*limits, *baselines}
    present = [curve for curve in curves if (rows["curve"] == curve).any() and curve not in apart]
    rows = rows[rows["curve"].isin(present)]
    handles = []
    for curve in present if len(present) > 1 else []:
        i = curves.index(curve)
        marker, dashes = style.cycled(style.MARKERS, i), style.cycled(style.DASHES, i)
        handles.append(
            Line2D([], [], color="0.45", linestyle=dashes, lw=0.8, marker=marker, ms=4, label=literal(curve))
        )
    if not handles and rows["hull"].sum() > 1:
        handles.append(Line2D([], [], color="0.45", lw=0.8, label="lower convex hull"))
    if (rows["runs"] > 1).any():
        handles.append(Line2D([], [], color="0.45", lw=0, marker="o", ms=5.5, mec="white", label=_median(rows)))
        handles.append(Line2D([], [], color="0.45", lw=0, marker="o", ms=2, label="single runs"))
    handles += [Line2D([], [], color="black", lw=1.2, label=literal(text)) for text in limits.values()]
    handles += [Line2D([], [], label=literal(curve), **style.BASELINE) for curve in baselines]
    if handles:
        panel.legend(handles=handles, fontsize=style.SMALL - 1, frameon=False)
