"""Measures against the multiplier that was swept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import label, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
ABREAST = 6  # names of lines
MOST_NAMED = 12  # lines of a panel: more have no legend


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
    _legend(figure, panels[0], contents, names[0])
    return style.write(figure, folder, "measures")


def _curve(panel: Axes, contents: Contents, name: str, curve: str, i: int) -> None:
    """One line per value of the other multipliers."""
    points, k = contents.points, contents.scale(name)
    lines = points.lines(curve, name)
    for number, (others, line, joined) in enumerate(lines):
        look = _look(contents, i, number if others else None, len(lines)) | ({} if joined else {"ls": "none"})
        own, swept = {"color": look["color"], "marker": look["marker"]}, line[points.swept[curve]]
        members = np.isin(points.of_run, line.index[line["runs"] > 1])
        runs = contents.results.loc[members, f"{contents.split}/{name}"] * k
        panel.scatter(points.colour_by[points.of_run[members]], runs, s=4, linewidths=0, alpha=0.4, **own)
        bars = np.stack([line[name] - line[f"{name}_q1"], line[f"{name}_q3"] - line[name]]).clip(min=0) * k
        panel.errorbar(swept, line[name] * k, bars, elinewidth=0.8, **look)
    if not (points.colour_by == 0).any():
        panel.set_xscale("log")
        style.log_ticks(panel.xaxis, contents.colours.low, contents.colours.high)
    else:
        panel.set_xscale("symlog", linthresh=contents.colours.low)


def _look(contents: Contents, i: int, number: int | None, count: int) -> dict[str, Any]:
    """Of curve `i`; where there is no other, line `number` of so many has a colour of its own."""
    colour = style.COLOURS[i % len(style.COLOURS)]
    if number is not None and len(contents.points.curves) == 1:
        colour = contents.colours.shade(number, count)
    form = {"ls": style.DASHES[i % len(style.DASHES)], "marker": style.MARKERS[i % len(style.MARKERS)]}
    return {"color": colour, **form, "lw": 0.8, "ms": 3}


def _legend(figure: Figure, panel: Axes, contents: Contents, name: str) -> None:
    """The curves, or above the panels the lines of the only one."""
    from matplotlib.lines import Line2D

    curves = contents.points.curves
    named = {curve: _look(contents, i, None, 0) for i, curve in enumerate(curves)}
    if len(curves) == 1:
        lines = contents.points.lines(curves[0], name)
        words = [", ".join(f"{mathtext(m)} $= {value:g}$" for m, value in others.items()) for others, _, _ in lines]
        named = {word: _look(contents, 0, number, len(lines)) for number, word in enumerate(words)}
    if 1 < len(named) <= MOST_NAMED:
        handles = [Line2D([], [], label=word, **look) for word, look in named.items()]
        if len(curves) > 1:
            panel.legend(handles=handles, fontsize=style.SMALL - 1, frameon=False)
        else:
            place = {"loc": "outside upper left", "ncols": ABREAST}
            figure.legend(handles=handles, fontsize=style.SMALL, frameon=False, **place)
