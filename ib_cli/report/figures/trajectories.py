"""Measures over the epochs, a line per run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import label
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.trajectories import trajectories, value_limits

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
    style.colour_bar(figure, panels, contents.colours)
    return style.write(figure, folder, "trajectories")


def paint(contents: Contents, panel: Axes, name: str, lines: dict[int, np.ndarray]) -> None:
    """A measure over the epochs, with its `trajectories`, into a panel, without colour bar."""
    from matplotlib.collections import LineCollection

    most = MOST_EPOCHS if len(contents.runs) <= CROWD else MOST_OF_A_CROWD
    kept = [line[np.linspace(0, len(line) - 1, min(len(line), most)).round().astype(int)] for line in lines.values()]
    crowd = len(lines) > CROWD
    colours = contents.colours.hexes(contents.run_colour_values[list(lines)])
    bundle = LineCollection(kept, colors=colours, linewidths=0.3 if crowd else 0.9, alpha=0.4 if crowd else 0.9)
    bundle.set_rasterized(crowd)
    panel.add_collection(bundle)
    short = [i for i, (run, line) in enumerate(lines.items()) if contents.runs[run].status != "done" or len(line) == 1]
    if short:
        ends = np.array([kept[i][-1] for i in short])
        panel.scatter(*ends.T, s=14, marker="X", c=[colours[i] for i in short], linewidths=0, zorder=3)
    panel.set_ylim(value_limits(kept))
    panel.set_xlim(0, max(line[-1, 0] for line in kept) * 1.02 or 1)
    style.tidy(panel, "epoch", label(name, contents.units, contents.own))
