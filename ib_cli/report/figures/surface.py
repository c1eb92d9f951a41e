"""Frontiers of three functionals: the points in space and the facets of their lower convex hull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import label, literal
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities import hulls
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.spread import number_words

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d import Axes3D
    from pandas import DataFrame

SIZE = (4.6, 3.8)  # inches
FEWEST = 3  # points
PLACE = (0.05, 0.0, 0.96, 1.04)  # of the axes in the picture
VIEW = {"elev": 22, "azim": 40}  # from the corner of large values, into the bowl of a convex surface


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`surface_D_C_R` and so on, a figure per triple."""
    files: list[Path] = []
    for name, rows in contents.frontiers.groupby("frontier", sort=False):
        axes = str(name).split("-")
        if len(axes) == 3 and len(rows) >= FEWEST:
            files += _picture(contents, rows, axes, folder)
    return files


def _picture(contents: Contents, rows: DataFrame, axes: list[str], folder: Path) -> list[Path]:
    import matplotlib
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D

    figure = Figure(figsize=SIZE)  # constrained layout cuts the labels of 3-D axes
    with matplotlib.rc_context({"grid.color": "0.88", "grid.linewidth": 0.5}):  # read only when axes are made
        panel: Axes3D = figure.add_axes(PLACE, projection=Axes3D.name)
    colours = Colours(contents.points, set(rows["curve"]))
    for i, curve in enumerate(contents.points.curves):
        of_curve = rows[rows["curve"] == curve]
        if len(of_curve):
            _curve(panel, contents, colours, of_curve, axes, i)
    _axes(panel, contents, axes)
    if rows["curve"].nunique() > 1:
        panel.legend(fontsize=style.SMALL - 1, frameon=False, loc="upper left")
    style.colour_bar(figure, [panel], colours, pad=0.02, shrink=0.7)
    words = number_words(rows["runs"]) if (rows["runs"] > 1).any() else ""
    style.says(figure, style.of_split(contents), words and f"large: medians of {words}, small: single runs")
    return style.write(figure, folder, f"surface_{'_'.join(axes)}")


def _curve(panel: Axes3D, contents: Contents, colours: Colours, rows: DataFrame, axes: list[str], i: int) -> None:
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    scale = np.array([contents.scale(name) for name in axes])
    medians, points = rows[axes].to_numpy(dtype=float), contents.points
    triangles = (medians * scale)[hulls.facets(medians)]
    panel.add_collection3d(Poly3DCollection(triangles, facecolor="0.6", edgecolor="0.45", linewidths=0.4, alpha=0.18))
    marker = style.cycled(style.MARKERS, i)
    runs = contents.repeated_runs(rows)
    look = {"marker": marker, "linewidths": 0, "depthshade": False}
    own = colours.hexes(points.colour_by[points.of_run[runs]])
    panel.scatter(*contents.final_values(runs, axes).T, s=4, c=own, alpha=0.5, **look)
    look |= {"edgecolors": "white", "linewidths": 0.4, "label": literal(str(rows["curve"].iloc[0]))}
    panel.scatter(*(medians * scale).T, s=22, c=colours.hexes(points.colour_by[rows.index]), alpha=1, **look)


def _axes(panel: Axes3D, contents: Contents, axes: list[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.view_init(**VIEW)
    panel.set_box_aspect((1, 1, 0.85), zoom=0.88)
    for axis, name in zip((panel.xaxis, panel.yaxis, panel.zaxis), axes):
        axis.set_label_text(label(name, contents.units), fontsize=style.MEDIUM)
        axis.set_major_locator(MaxNLocator(5))
        axis.set_pane_color((1, 1, 1, 0))
    panel.tick_params(labelsize=style.SMALL, pad=1)
