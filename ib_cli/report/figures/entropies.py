"""Entropies of the representation over the epochs, by estimates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import marks, style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.entropies import EntropyPanel, axis_limits, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CROWD = 60  # runs of a panel: above this, thinner lines
TALLEST = 2  # height of the colour bar, in rows


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`entropies`: a row per estimator and quantity, a column per curve, lines in the multiplier's colour.

    The axes of a row are the same. Flagged estimates are dotted; a cross ends a run that is not done.
    """
    rows = panels(contents)
    if not rows:
        return []
    figure, axes = style.new(len(rows[0]), len(rows))
    grid = np.reshape(np.array(axes, dtype=object), (len(rows), -1))
    for row, line in zip(rows, grid):
        across, up = axis_limits(row)
        for panel, place in zip(row, line):
            _panel(place, contents, panel)
            place.set(xlim=across, ylim=up * contents.scale(panel.quantity))
    if len(rows[0]) > 1:
        for place, panel in zip(grid[0], rows[0]):
            place.set_title(literal(panel.curve), fontsize=style.MEDIUM)
    style.colour_bar(figure, axes, contents.colours, shrink=min(1, TALLEST / len(rows)))
    flagged = any(path.flagged.any() for row in rows for panel in row for path in panel.paths.values())
    _legend(figure, contents.estimated.split, flagged)
    return style.write(figure, folder, "entropies")


def _panel(place: Axes, contents: Contents, panel: EntropyPanel) -> None:
    k, crowd = contents.scale(panel.quantity), len(panel.paths) > CROWD
    colours = contents.colours.hexes(contents.run_colour_values[list(panel.paths)])
    whole = [np.stack([path.epochs, path.values[:, 0] * k], 1) for path in panel.paths.values()]
    flagged = [path.flagged for path in panel.paths.values()]
    marks.lines(place, whole, flagged, colours, linewidths=0.4 if crowd else 0.9, rasterized=crowd)
    for run, line, colour in zip(panel.paths, whole, colours):
        if contents.runs[run].status != "done":
            place.scatter(*line[-1], s=14, marker="X", color=colour, linewidths=0, zorder=3)
    style.tidy(place, "epoch", f"{mathtext(panel.quantity)} ({contents.units}, {literal(panel.estimator)})")


def _legend(figure: Figure, split: str, flagged: bool) -> None:
    from matplotlib.lines import Line2D

    looks = {f"estimate, {split} split": "-"} | ({"flagged: not to be trusted": marks.FLAGGED} if flagged else {})
    handles = [Line2D([], [], color="0.35", lw=0.9, ls=dashes, label=text) for text, dashes in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=style.SMALL, frameon=False)
