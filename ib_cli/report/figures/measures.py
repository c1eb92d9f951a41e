"""Measures against the multiplier that was swept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.report.contents import Contents
from ib_cli.report.figures import style
from ib_cli.report.labels import label, mathtext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`measures`: a panel per measure; single runs as small dots, medians with quartiles as lines."""
    if not contents.colours.vary:
        return []
    names = [name for name in contents.metrics if name in contents.points.table.columns]
    names = [name for name in names if np.isfinite(contents.points.table[name].to_numpy(dtype=float)).any()]
    if not names:
        return []
    columns = 2 if len(names) == 4 else min(len(names), COLUMNS)
    figure, panels = style.new(columns, math.ceil(len(names) / columns))
    symbol = " or ".join(mathtext(name) for name in contents.colours.names)
    for panel, name in zip(panels, names):
        for i, curve in enumerate(contents.points.curves):
            _curve(panel, contents, name, curve, i)
        style.tidy(panel, symbol, label(name, contents.units))
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    _legend(panels[0], contents)
    return style.write(figure, folder, "measures")


def _curve(panel: Axes, contents: Contents, name: str, curve: str, i: int) -> None:
    """One line per value of the other multipliers."""
    points = contents.points
    swept = points.swept.get(curve)
    of_curve = points.table["curve"] == curve
    if swept is None:
        return
    others = [m for m in contents.points.swept_too(curve) if m != swept]
    colour, marker = style.COLOURS[i % len(style.COLOURS)], style.MARKERS[i % len(style.MARKERS)]
    k = contents.scale(name)
    rows = points.table[of_curve & np.isfinite(points.table[name])]
    members = np.isin(points.of_run, rows.index[rows["runs"] > 1])
    x = points.colour_by[points.of_run[members]]
    y = contents.results.loc[members, f"{contents.split}/{name}"] * k
    panel.scatter(x, y, s=4, color=colour, marker=marker, linewidths=0, alpha=0.4)
    lines = [line for _, line in rows.groupby(others, dropna=False)] if others else [rows]
    for line in lines:
        line = line.sort_values(swept)
        bars = np.stack([line[name] - line[f"{name}_q1"], line[f"{name}_q3"] - line[name]]).clip(min=0) * k
        dashes = "none" if points.merged else style.DASHES[i % len(style.DASHES)]
        look = {"color": colour, "ls": dashes, "lw": 0.8, "elinewidth": 0.8, "marker": marker, "ms": 3}
        panel.errorbar(line[swept], line[name] * k, bars, **look)
    if (rows[swept] > 0).all():
        panel.set_xscale("log")
        style.log_ticks(panel.xaxis, contents.colours.low, contents.colours.high)
    else:
        panel.set_xscale("symlog", linthresh=contents.colours.low)


def _legend(panel: Axes, contents: Contents) -> None:
    from matplotlib.lines import Line2D

    curves = contents.points.curves
    handles = [
        Line2D(
            [],
            [],
            color=style.COLOURS[i % len(style.COLOURS)],
            marker=style.MARKERS[i % len(style.MARKERS)],
            linestyle=style.DASHES[i % len(style.DASHES)],
            ms=3,
            lw=0.8,
            label=curve,
        )
        for i, curve in enumerate(curves)
    ]
    if len(handles) > 1:
        panel.legend(handles=handles, fontsize=style.SMALL - 1, frameon=False)
