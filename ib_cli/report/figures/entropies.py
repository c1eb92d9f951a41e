"""Entropies of the representation over the epochs, by estimates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import group_marks, marks, style
from ib_cli.report.panels.abreast import strips
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.entropies import EntropyPanel, axis_limits, panels
from ib_cli.report.panels.run_groups import run_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

CROWD = 60  # runs of a panel: above this, thinner lines
TALLEST = 2  # height of the colour bar, in rows


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`entropies`: a row per estimator and quantity, a column per curve, lines in the multiplier's colour.

    The axes of a row are the same. Flagged estimates are dotted; a cross ends a run that is not done.
    """
    rows = panels(contents)
    if not rows:
        return []
    laid = list(strips(rows))
    figure, axes = style.new(len(laid[0].panels), len(laid))
    grid = np.reshape(np.array(axes, dtype=object), (len(laid), -1))
    groups = run_groups(contents, {run: None for row in rows for panel in row for run in panel.paths}, curves=False)
    for strip, line in zip(laid, grid):
        across, up = axis_limits(rows[strip.row])
        for panel, place in zip(strip.panels, line):
            _panel(place, contents, panel, groups)
            place.set(xlim=across, ylim=up * contents.scale(panel.quantity))
            if strip.first and len(rows[0]) > 1:
                place.set_title(literal(panel.curve), fontsize=style.MEDIUM)
        for place in line[len(strip.panels) :]:
            place.set_visible(False)
    if not groups:
        style.colour_bar(figure, axes, contents.colours, shrink=min(1, TALLEST / len(laid)))
    flagged = any(path.flagged.any() for row in rows for panel in row for path in panel.paths.values())
    style.above(figure, [*group_marks.handles(contents, groups), *([_flag()] if flagged else [])])
    style.says(figure, style.of_split(contents, contents.estimated.split), "a line per run")
    return style.write(figure, folder, "entropies")


def _panel(place: Axes, contents: Contents, panel: EntropyPanel, groups: group_marks.Groups) -> None:
    k, crowd = contents.scale(panel.quantity), len(panel.paths) > CROWD
    colours = contents.colours.hexes(contents.run_colour_values[list(panel.paths)])
    whole = [np.stack([path.epochs, path.values[:, 0] * k], 1) for path in panel.paths.values()]
    flagged = [path.flagged for path in panel.paths.values()]
    dashes = group_marks.dashes_of(panel.paths, groups)
    marks.lines(place, whole, flagged, colours, dashes, linewidths=0.4 if crowd else 0.9, rasterized=crowd)
    group_marks.marks(place, dict(zip(panel.paths, whole)), colours, groups, rasterized=crowd)
    for run, line, colour in zip(panel.paths, whole, colours):
        if contents.runs[run].status != "done":
            place.scatter(*line[-1], s=14, marker="X", color=colour, linewidths=0, zorder=3)
    style.tidy(place, "epoch", f"{mathtext(panel.quantity)} ({contents.units}, {literal(panel.estimator)})")


def _flag() -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([], [], color="0.35", lw=0.9, ls=marks.FLAGGED, label="flagged: not to be trusted")
