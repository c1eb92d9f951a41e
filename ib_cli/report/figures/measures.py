"""Measures against the swept multiplier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import is_fraction, label, literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.spread import bar_words
from ib_cli.system.per_cent import show_per_cent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

ABREAST = 6  # names in a row of the legend
MOST_NAMED = 12  # lines of a panel: above this, no legend


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`measures`: a panel per measure; medians with bars as lines, single runs as small marks beside them."""
    return against_multiplier(contents, contents.swept_metrics, folder, "measures")


def against_multiplier(
    contents: Contents, names: Sequence[str], folder: Path, file: str, floor: float | None = None
) -> list[Path]:
    """A panel per measure, with a line at `floor` in each; no file without measures."""
    if not names:
        return []
    figure, panels = style.grid(len(names))
    for panel, name in zip(panels, names):
        paint(contents, panel, name)
        if floor is not None:
            panel.axhline(floor, color="0.6", lw=0.7, zorder=1)
    style.says(figure, style.of_split(contents), spread_words(contents))
    handles = legend_handles(contents, names[0])
    if len(contents.points.curves) > 1 and handles:
        panels[0].legend(handles=handles, fontsize=style.SMALL - 1, frameon=False)
    elif handles:
        place = {"loc": "outside upper left", "ncols": ABREAST}
        figure.legend(handles=handles, fontsize=style.SMALL, frameon=False, **place)
    return style.write(figure, folder, file)


def paint(contents: Contents, panel: Axes, name: str) -> None:
    """A measure against the swept multiplier, into a panel, without legend."""
    for i, curve in enumerate(contents.points.curves):
        _curve(panel, contents, name, curve, i)
    symbol = " or ".join(mathtext(of) for of in contents.colours.names)
    style.tidy(panel, symbol, label(name, contents.units, contents.own))
    if is_fraction(name):
        show_per_cent(panel.yaxis)


def spread_words(contents: Contents) -> str:
    """What the bars and the small marks are; '' where each point is one run."""
    words = bar_words(contents.points.table["runs"][contents.points.regular])
    return f"{words}, small marks = single runs" if words else ""


def _curve(panel: Axes, contents: Contents, name: str, curve: str, i: int) -> None:
    """One line per value of the other multipliers."""
    points, k = contents.points, contents.scale(name)
    lines = points.lines(curve, name)
    for number, (others, line, joined) in enumerate(lines):
        look = _look(contents, i, number if others else None, len(lines)) | ({} if joined else {"ls": "none"})
        own, swept = {"color": look["color"], "marker": look["marker"]}, line[points.swept[curve]]
        runs = contents.repeated_runs(line)
        at, values = points.colour_by[points.of_run[runs]], contents.final_values(runs, [name])
        at = style.beside(at, (contents.colours.low, contents.colours.high))
        panel.scatter(at, values, s=4, linewidths=0, alpha=0.6, **own)
        low, high = contents.bar_ends(line, name)
        bars = np.stack([line[name] - low, high - line[name]]).clip(min=0) * k
        panel.errorbar(swept, line[name] * k, bars if len(runs) else None, elinewidth=0.8, **look)
    if (points.colour_by < 0).any():  # of a mix, whose multiplier goes from −1 to 1
        return
    if not (points.colour_by == 0).any():
        panel.set_xscale("log")
        style.log_ticks(panel.xaxis, contents.colours.low, contents.colours.high)
    else:
        panel.set_xscale("symlog", linthresh=contents.colours.low)


def _look(contents: Contents, i: int, number: int | None, count: int) -> dict[str, Any]:
    """Style of curve `i`; of an only curve, line `number` of `count` has its own."""
    look = style.look(i)
    if number is not None and len(contents.points.curves) == 1:
        look = style.look(number) | {"color": contents.colours.shade(number, count)}
    return {**look, "lw": 0.8, "ms": 3}


def legend_handles(contents: Contents, name: str) -> list[Line2D]:
    """The curves, or the lines of an only curve; none where they are one or too many."""
    from matplotlib.lines import Line2D

    curves = contents.points.curves
    named = {literal(curve): _look(contents, i, None, 0) for i, curve in enumerate(curves)}
    if len(curves) == 1:
        lines = contents.points.lines(curves[0], name)
        words = [", ".join(f"{mathtext(m)} $= {value:g}$" for m, value in others.items()) for others, _, _ in lines]
        named = {word: _look(contents, 0, number, len(lines)) for number, word in enumerate(words)}
    if not 1 < len(named) <= MOST_NAMED:
        return []
    return [Line2D([], [], label=word, **look) for word, look in named.items()]
