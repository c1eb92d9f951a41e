"""Measures over the epochs, a line per run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import is_fraction, label
from ib_cli.report.figures import group_marks, style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.run_groups import run_groups
from ib_cli.report.panels.trajectories import outside, trajectories, value_limits
from ib_cli.system.per_cent import show_per_cent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROWD = 60  # runs: above this, thinner lines
MOST_EPOCHS, MOST_OF_A_CROWD = 150, 50  # points of a line


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`trajectories`: a panel per measure, a line per run in its multiplier's colour; a cross ends a run not done."""
    found = {name: lines for name in contents.metrics if (lines := trajectories(contents, name))}
    if not found:
        return []
    figure, panels = style.grid(len(found))
    for panel, (name, lines) in zip(panels, found.items()):
        paint(contents, panel, name, lines)
    shown = run_groups(contents, {run: None for lines in found.values() for run in lines})
    style.above(figure, group_marks.handles(contents, shown, style.DASHES))
    if not shown:
        style.colour_bar(figure, panels, contents.colours)
    style.says(figure, style.of_split(contents), "a line per run", _cross(contents, found.values()))
    return style.write(figure, folder, "trajectories")


def _cross(contents: Contents, found: Iterable[dict[int, np.ndarray]]) -> str:
    stopped = any(contents.runs[run].status != "done" for lines in found for run in lines)
    return "cross = run that is not done" if stopped else ""


def paint(contents: Contents, panel: Axes, name: str, lines: dict[int, np.ndarray]) -> None:
    """A measure over the epochs, with its `trajectories`, into a panel, without colour bar and legend.

    A few multipliers differ in dashes and marks beside their colours. Epochs beyond the axis are told above the panel.
    """
    most = MOST_EPOCHS if len(contents.runs) <= CROWD else MOST_OF_A_CROWD
    kept = {
        run: line[np.linspace(0, len(line) - 1, min(len(line), most)).round().astype(int)]
        for run, line in lines.items()
    }
    crowd = len(lines) > CROWD
    colours = contents.colours.hexes(contents.run_colour_values[list(lines)])
    groups = run_groups(contents, lines)
    look = {"linewidths": 0.3 if crowd else 0.9, "alpha": 0.4 if crowd else 0.9, "rasterized": crowd}
    group_marks.lines(panel, kept, colours, groups, style.DASHES, **look)
    short = [i for i, (run, line) in enumerate(lines.items()) if contents.runs[run].status != "done" or len(line) == 1]
    if short:
        ends = np.array([list(kept.values())[i][-1] for i in short])
        panel.scatter(*ends.T, s=14, marker="X", c=[colours[i] for i in short], linewidths=0, zorder=3)
    limits = value_limits(lines.values())
    panel.set_ylim(limits)
    panel.set_xlim(0, max(line[-1, 0] for line in lines.values()) * 1.02 or 1)
    style.tidy(panel, "epoch", label(name, contents.units, contents.own))
    if is_fraction(name):
        show_per_cent(panel.yaxis)
    if told := outside(lines.values(), limits):
        panel.set_title(told, loc="right", fontsize=style.SMALL, color="0.3")
