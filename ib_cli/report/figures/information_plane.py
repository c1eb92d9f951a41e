"""The information plane: I(Y;Z) against I(X;Z) along training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.thinning import thinned_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_EPOCHS = 60  # dots of a trajectory
MARGIN = 1.12
DECADES = 30  # the x axis is logarithmic if the largest end is over so many times the smallest


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`information_plane`: a trajectory per run in its multiplier's colour, dots by epoch, marked ends, and limits."""
    from matplotlib.collections import LineCollection

    paths = {run: path[:, 1:] * contents.scale("R") for run, path in contents.plane.paths.items()}
    if not paths:
        return []
    figure, (panel,) = style.new()
    limiting = {run for runs in contents.plane_exact_limits.values() for run in runs}
    # exact optima are marks only if nothing was trained
    runs = [run for run in paths if run not in limiting] or list(paths)
    scale = Colours(contents.points, contents.curves_of(runs))
    colours = scale.hexes(contents.run_colour_values[runs])
    crowd = len(runs) > 60
    thin = [paths[run][thinned_rows(len(paths[run]), MOST_EPOCHS)] for run in runs]
    lines = LineCollection(thin, colors=colours, linewidths=0.3 if crowd else 0.7, alpha=0.25 if crowd else 0.6)
    lines.set_rasterized(crowd)  # a thousand curves would make a PDF that no viewer likes
    panel.add_collection(lines)
    dots = np.concatenate(thin)
    dot_colours = np.repeat(colours, [len(path) for path in thin])
    if not crowd:
        panel.scatter(*dots.T, s=2.5, c=dot_colours, linewidths=0, alpha=0.8, zorder=2)
    ends = np.array([path[-1] for path in thin])
    done = np.array([contents.runs[run].status == "done" for run in runs])
    for title, optima in contents.plane_exact_limits.items():
        panel.plot(*np.array([paths[run][-1] for run in optima]).T, color="black", lw=1.2, zorder=1.5, label=title)
    if limiting:
        panel.legend(loc="lower right", fontsize=style.SMALL, frameon=False)
    for mask, marker in ((done, "o"), (~done, "X")):
        panel.scatter(
            *ends[mask].T,
            s=8 if crowd else 20,
            c=[colour for colour, kept in zip(colours, mask) if kept],
            marker=marker,
            edgecolors="white",
            linewidths=0.3 if crowd else 0.5,
            zorder=3,
        )
    _limits(panel, contents, np.array([path[-1] for path in paths.values()]), dots)
    _bounds(panel, contents)
    style.tidy(panel, *axis_labels(contents))
    style.colour_bar(figure, [panel], scale)
    return style.write(figure, folder, "information_plane")


def axis_labels(contents: Contents) -> tuple[str, str]:
    """Labels of x and y: bounds, or estimates with the estimator's name."""
    estimator = contents.plane.estimator
    if estimator is not None:
        name = mathtext(estimator) if "$" in estimator else estimator
        return f"$I(X;Z)$, {name} estimate ({contents.units})", f"$I(Y;Z)$, {name} estimate ({contents.units})"
    return rf"rate $R \geq I(X;Z)$ ({contents.units})", rf"$H(Y) - C \leq I(Y;Z)$ ({contents.units})"


def _limits(panel: Axes, contents: Contents, ends: np.ndarray, dots: np.ndarray) -> None:
    """All ends, and only the near part of the trajectories, as first epochs may be far out."""
    right = MARGIN * max(ends[:, 0].max(), 1e-9)
    left = -0.02 * right
    if (smallest := ends[:, 0].min()) > 0 and right / smallest > DECADES:
        panel.set_xscale("log")
        left, right = smallest / 2, right * 1.3
    top = ends[:, 1].max()
    if contents.plane.label_entropy is not None:
        top = max(top, contents.plane.label_entropy * contents.scale("R"))
    low = min(0.0, ends[:, 1].min())
    near = dots[(left <= dots[:, 0]) & (dots[:, 0] <= right) & (dots[:, 1] >= low - 0.25 * (top - low))]
    low = min(low, near[:, 1].min(initial=0.0))
    panel.set_xlim(left, right)
    panel.set_ylim(low - 0.04 * (top - low), top + 0.1 * (top - low))


def _bounds(panel: Axes, contents: Contents) -> None:
    """I(Y;Z) ≤ I(X;Z), as Z sees Y through X only, and I(Y;Z) ≤ H(Y); grey beyond."""
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    H = contents.plane.label_entropy
    H = top if H is None else H * contents.scale("R")
    log = panel.get_xscale() == "log"
    x = np.geomspace(left, right, 400) if log else np.array([left, 0.0, min(H, right), right])
    y = np.minimum(x.clip(min=0.0), H)
    panel.fill_between(x, y, top, color="0.93", linewidth=0, zorder=0)
    shown = (x >= 0) & ((x <= top) | (contents.plane.label_entropy is not None))
    panel.plot(x[shown], y[shown], color="0.35", linewidth=0.8, linestyle="--", zorder=1)
    if contents.plane.label_entropy is not None:
        panel.text(right, H, "$H(Y)$ ", ha="right", va="bottom", fontsize=style.SMALL)
    panel.set(xlim=(left, right), ylim=(bottom, top))
