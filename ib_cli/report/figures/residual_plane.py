"""Residual information I[X;Y|Z] against preserved information I[X;Z] along training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import group_marks, marks, style
from ib_cli.report.panels.abreast import strips
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.residual_plane import PRESERVED, RESIDUAL, ResidualPanel, axis_limits, floor, panels
from ib_cli.report.panels.run_groups import run_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

CROWD = 60  # runs of a panel: above this, lines and ends only
TALLEST = 2  # height of a colour bar, in rows
EPOCHS = "Greys"  # colour map of the dots: pale first epochs; multipliers have other colours
PALEST, DARKEST = 0.15, 0.85  # ends of the used part of this map


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`residual_plane`: a row per estimator, a column per curve; a trajectory per run in its multiplier's colour.

    Dots are shaded by epoch. Lines to flagged estimates are dotted. Ends are marked: hollow for flagged estimates, a
    cross for a run that is not done. Dashed line: the saturation curve, the lower convex hull of the unflagged ends.
    Grey: unreachable.
    """
    rows = panels(contents)
    if not rows:
        return []
    laid = list(strips(rows))
    figure, axes = style.new(len(laid[0].panels), len(laid))
    last = max(path.epochs[-1] for row in rows for panel in row for path in panel.paths.values())
    grid = np.reshape(np.array(axes, dtype=object), (len(laid), -1))
    groups = run_groups(contents, {run: None for row in rows for panel in row for run in panel.paths}, curves=False)
    for strip, line in zip(laid, grid):
        across, up = axis_limits(rows[strip.row])
        for panel, place in zip(strip.panels, line):
            _panel(place, contents, panel, last, groups)
            _bound(place, panel, across, up, contents.scale(PRESERVED))
            if strip.first and len(rows[0]) > 1:
                place.set_title(literal(panel.curve), fontsize=style.MEDIUM)
        for place in line[len(strip.panels) :]:
            place.set_visible(False)
    if not groups:
        style.colour_bar(figure, axes, contents.colours, shrink=min(1, TALLEST / len(laid)))
    if any(_shaded(panel) for row in rows for panel in row):
        _epoch_bar(figure, axes, last, min(1, TALLEST / len(laid)))
    style.above(figure, [*group_marks.handles(contents, groups), *_handles(rows)])
    style.says(figure, style.of_split(contents, contents.estimated.split), "a line per run along its epochs")
    return style.write(figure, folder, "residual_plane")


def _shaded(panel: ResidualPanel) -> bool:
    """True if the panel has dots shaded by epoch: few runs, with epochs before their ends."""
    return len(panel.paths) <= CROWD and any(len(path.epochs) > 1 for path in panel.paths.values())


def _panel(place: Axes, contents: Contents, panel: ResidualPanel, last: float, groups: group_marks.Groups) -> None:
    k, paths = contents.scale(PRESERVED), {run: path.thinned for run, path in panel.paths.items()}
    colours = contents.colours.hexes(contents.run_colour_values[list(paths)])
    crowd = len(paths) > CROWD
    width = 0.3 if crowd else 1.6
    flagged = [path.flagged for path in paths.values()]
    dashes = group_marks.dashes_of(paths, groups)
    drawn = [path.values * k for path in paths.values()]
    marks.lines(place, drawn, flagged, colours, dashes, linewidths=width, rasterized=crowd)
    if paths and last > 1 and not crowd:
        dots = np.concatenate([path.values[:-1] * k for path in paths.values()])
        epochs = np.concatenate([path.epochs[:-1] for path in paths.values()])
        trusted = ~np.concatenate([path.flagged[:-1] for path in paths.values()])  # a dotted line says the rest
        shades = PALEST + (DARKEST - PALEST) * epochs[trusted] / last
        place.scatter(*dots[trusted].T, s=1.6, c=shades, cmap=EPOCHS, vmin=0, vmax=1, linewidths=0, zorder=2.5)
    if paths:
        done = np.array([contents.runs[run].status == "done" for run in paths])
        hollow = np.array([path.flagged[-1] for path in paths.values()])
        forms = group_marks.markers_of(paths, groups)
        marks.ends(place, np.array([path[-1] for path in drawn]), colours, done, hollow, crowd, forms)
    place.plot(*(panel.saturation * k).T, color="black", lw=0.9, ls=(0, (3, 2)), zorder=3.5 if crowd else 2.8)
    x, y = f"preserved {mathtext(PRESERVED)}", f"residual {mathtext(RESIDUAL)}"
    style.tidy(place, f"{x} ({contents.units})", f"{y} ({contents.units})")
    corner = {"transform": place.transAxes, "ha": "right", "va": "top", "fontsize": style.MEDIUM}
    place.text(0.98, 0.97, panel.estimator, parse_math=False, **corner)  # where no optimum lies


def _bound(place: Axes, panel: ResidualPanel, across: np.ndarray, up: np.ndarray, k: float) -> None:
    """Grey where no representation can be."""
    x, y = (floor(panel, across) * k).T
    place.fill_between(x, up[0] * k, y, color="0.93", linewidth=0, zorder=0)
    place.plot(x, y, color="0.6", linewidth=0.7, zorder=1)
    place.set(xlim=across * k, ylim=up * k)


def _epoch_bar(figure: Figure, axes: list[Axes], last: float, shrink: float) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    shades = ListedColormap(colormaps[EPOCHS](np.linspace(PALEST, DARKEST, 256)))
    bar = figure.colorbar(ScalarMappable(Normalize(0, last), shades), ax=axes, pad=0.02, shrink=shrink, aspect=25)
    bar.set_label("epoch", fontsize=style.MEDIUM)
    bar.ax.tick_params(labelsize=style.SMALL)
    bar.outline.set_visible(False)


def _handles(rows: list[list[ResidualPanel]]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    everything = [panel for row in rows for panel in row]
    ends = [path.flagged[-1] for panel in everything for path in panel.paths.values()]
    mark: dict[str, Any] = {"color": "0.35", "lw": 0, "marker": "o", "ms": 4.5}
    handles = [Line2D([], [], label="end", **mark)]
    if any(ends):
        handles.append(marks.hollow_handle("end, flagged"))
    if any(len(panel.saturation) for panel in everything):
        handles.append(Line2D([], [], color="black", lw=0.9, ls=(0, (3, 2)), label="saturation curve"))
    if any(panel.relevant is not None for panel in everything):
        handles.append(Line2D([], [], color="0.6", lw=0.7, label="$I[X;Y] - I[X;Z]$"))
    return handles
