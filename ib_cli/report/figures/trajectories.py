"""Measures over the epochs, a line per run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import label
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
CROWD = 60  # runs: more are drawn thinner
MOST_EPOCHS, MOST_OF_A_CROWD = 150, 50  # points of a line


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`trajectories`: a panel per measure, lines coloured by the multiplier; a cross ends a run that is not done."""
    names = [name for name in contents.metrics if _any(contents, _lines(contents, name))]
    if not names:
        return []
    columns = 2 if len(names) == 4 else min(len(names), COLUMNS)
    figure, panels = style.new(columns, math.ceil(len(names) / columns))
    for panel, name in zip(panels, names):
        _panel(panel, contents, name)
        style.tidy(panel, "epoch", label(name, contents.units))
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    style.colour_bar(figure, panels, contents.colours)
    return style.write(figure, folder, "trajectories")


def _lines(contents: Contents, name: str) -> dict[int, np.ndarray]:
    """(n, 2) epochs and values of each run that has any on the split."""
    found = {}
    most = MOST_EPOCHS if len(contents.runs) <= CROWD else MOST_OF_A_CROWD
    for i, run in enumerate(contents.runs):
        if name in run.metrics and "epoch" in run.metrics:
            line = np.stack([run.metrics["epoch"], run.metrics[name] * contents.scale(name)], 1)
            line = line[(run.splits == contents.split) & np.isfinite(line).all(1)]
            if len(line):
                kept = np.linspace(0, len(line) - 1, min(len(line), most)).round().astype(int)
                found[i] = line[kept]
    return found


def _any(contents: Contents, lines: dict[int, np.ndarray]) -> bool:
    """Whether there is a way to draw, or a run that is not done; exact optima have no epochs."""
    return any(len(line) > 1 or contents.runs[run].status != "done" for run, line in lines.items())


def _panel(panel: Axes, contents: Contents, name: str) -> None:
    from matplotlib.collections import LineCollection

    lines = _lines(contents, name)
    crowd = len(lines) > CROWD
    colours = contents.colours.hexes(contents.run_colour_values[list(lines)])
    bundle = LineCollection(
        list(lines.values()), colors=colours, linewidths=0.3 if crowd else 0.9, alpha=0.4 if crowd else 0.9
    )
    bundle.set_rasterized(crowd)
    panel.add_collection(bundle)
    short = [i for i, (run, line) in enumerate(lines.items()) if contents.runs[run].status != "done" or len(line) == 1]
    ends = [list(lines.values())[i][-1] for i in short]
    if ends:
        panel.scatter(*np.array(ends).T, s=14, marker="X", c=[colours[i] for i in short], linewidths=0, zorder=3)
    _limits(panel, list(lines.values()))


def _limits(panel: Axes, lines: list[np.ndarray]) -> None:
    """Everything but the first tenth of each line, which may start far off and would flatten the rest."""
    settled = np.concatenate([line[len(line) // 10 :, 1] for line in lines])
    low, high = settled.min(), settled.max()
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    panel.set_ylim(low - margin, high + margin)
    panel.set_xlim(0, max(line[:, 0].max() for line in lines) * 1.02 or 1)
