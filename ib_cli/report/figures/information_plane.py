"""The information plane: I(Y;Z) against I(X;Z) along training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import literal
from ib_cli.report.figures import group_marks, marks, style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.information_plane import limits, meaning, outside, shown_paths
from ib_cli.report.panels.run_groups import run_groups
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.thinning import thinned_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_EPOCHS = 60  # dots of a trajectory
CROWD = 60  # runs: above this, thinner lines and ends only


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`information_plane`: a trajectory per run in its multiplier's colour, dots by epoch, marked ends, and limits.

    Marks of bounds and of flagged estimates are hollow; lines to flagged estimates are dotted.
    """
    if not contents.plane.paths:
        return []
    figure, (panel,) = style.new()
    paint(contents, panel)
    handles = group_marks.handles(contents, run_groups(contents, shown_paths(contents)))
    if text := meaning(contents):
        handles.append(marks.hollow_handle(text))
    style.above(figure, handles)
    style.says(figure, style.of_split(contents, contents.plane.split), "a line per run along its epochs")
    return style.write(figure, folder, "information_plane")


def paint(contents: Contents, panel: Axes) -> None:
    """The whole plane into a panel, without the words on hollow marks and without the legend of a few multipliers.

    Epochs beyond the axes are told above the panel.
    """
    plane, paths = contents.plane, shown_paths(contents)
    scale = Colours(contents.points, contents.curves_of(paths))
    colours, crowd = scale.hexes(contents.run_colour_values[list(paths)]), len(paths) > CROWD
    rows = {run: thinned_rows(len(path), MOST_EPOCHS) for run, path in paths.items()}
    thin = [paths[run][kept, 1:] for run, kept in rows.items()]
    groups = run_groups(contents, paths)
    look = {"linewidths": 0.3 if crowd else 0.7, "alpha": 0.25 if crowd else 0.6, "rasterized": crowd}
    flagged = [plane.flagged[run][kept] for run, kept in rows.items()]
    # a thousand curves would make a PDF that no viewer likes
    marks.lines(panel, thin, flagged, colours, group_marks.dashes_of(paths, groups), **look)
    if not crowd:
        hollow = np.concatenate([plane.hollow(run)[kept] for run, kept in rows.items()])
        _dots(panel, np.concatenate(thin), np.repeat(colours, [len(path) for path in thin]), hollow)
    for title, optima in contents.plane_exact_limits.items():
        at = np.array([plane.paths[run][-1, 1:] for run in optima]) * contents.scale("R")
        panel.plot(*at.T, color="black", lw=1.2, zorder=1.5, label=literal(title))
    done = np.array([contents.runs[run].status == "done" for run in paths])
    open_ends = np.array([plane.hollow(run)[-1] for run in paths])
    forms = group_marks.markers_of(paths, groups)
    marks.ends(panel, np.array([path[-1] for path in thin]), colours, done, open_ends, crowd, forms)
    _bounds(panel, contents)
    style.tidy(panel, *axis_labels(contents))
    if told := outside(contents):
        panel.set_title(told, loc="right", fontsize=style.SMALL, color="0.3")
    if not groups:
        style.colour_bar(panel.figure, [panel], scale)
    if contents.plane_exact_limits:
        panel.legend(loc="lower right", fontsize=style.SMALL, frameon=False)


def _dots(panel: Axes, dots: np.ndarray, colours: np.ndarray, hollow: np.ndarray) -> None:
    """The epochs, each as a dot or a ring."""
    panel.scatter(*dots[~hollow].T, s=2.5, c=colours[~hollow], linewidths=0, alpha=0.8, zorder=2)
    rings = {"facecolors": "white", "edgecolors": colours[hollow], "linewidths": 0.4}
    panel.scatter(*dots[hollow].T, s=3.5, alpha=0.8, zorder=2, **rings)


def axis_labels(contents: Contents) -> tuple[str, str]:
    """Labels of x and y: bounds, or estimates with the estimator's name, and their split if it is not the report's."""
    estimator = contents.plane.estimator
    if estimator is not None:
        name = literal(estimator)
        name += "" if contents.plane.split == contents.split else f" {contents.plane.split}"
        return f"$I(X;Z)$, {name} estimate ({contents.units})", f"$I(Y;Z)$, {name} estimate ({contents.units})"
    return rf"rate $R \geq I(X;Z)$ ({contents.units})", rf"$H(Y) - C \leq I(Y;Z)$ ({contents.units})"


def _bounds(panel: Axes, contents: Contents) -> None:
    """The axes, and the limits I(Y;Z) ≤ I(X;Z), as Z sees Y through X only, and I(Y;Z) ≤ H(Y); grey beyond."""
    left, right, bottom, top, log = limits(contents)
    H = contents.plane.label_entropy
    H = top if H is None else H * contents.scale("R")
    panel.set_xscale("log" if log else "linear")
    x = np.geomspace(left, right, 400) if log else np.array([left, 0.0, min(H, right), right])
    y = np.minimum(x.clip(min=0.0), H)
    panel.fill_between(x, y, top, color="0.93", linewidth=0, zorder=0)
    shown = (x >= 0) & ((x <= top) | (contents.plane.label_entropy is not None))
    panel.plot(x[shown], y[shown], color="0.35", linewidth=0.8, linestyle="--", zorder=1)
    if contents.plane.label_entropy is not None:
        panel.text(right, H, "$H(Y)$ ", ha="right", va="bottom", fontsize=style.SMALL)
    panel.set(xlim=(left, right), ylim=(bottom, top))
