"""The page's plot of a frontier of three functionals: points in space and the facets of their lower convex hull."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import plain
from ib_cli.report.figures.style import cycled
from ib_cli.report.page.plot_parts import Plot, bar, detail, medians, numbers
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities import hulls
from ib_cli.report.quantities.colours import Colours

if TYPE_CHECKING:
    from pandas import DataFrame

SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "cross",
    "x",
    "circle-open",
    "square-open",
    "diamond-open",
)  # all symbols of plotly in 3-D
CAMERA = {
    "eye": {"x": 2.0, "y": 1.7, "z": 1.05},
    "center": {"x": 0, "y": 0, "z": -0.12},
}  # from the corner of large values, into the bowl of a convex surface


def surface(contents: Contents, axes: Sequence[str], rows: DataFrame) -> Plot:
    """Medians and single runs in the multiplier's colours. `picture`: the figure to show in a browser without WebGL."""
    colours = Colours(contents.points, set(rows["curve"]))
    traces: list[Plot] = []
    for i, curve in enumerate(contents.points.curves):
        of_curve = rows[rows["curve"] == curve]
        if len(of_curve):
            traces += _curve(contents, colours, of_curve, axes, i)
    return {
        "id": f"surface-{'-'.join(axes)}",
        "title": f"Surface {'–'.join(axes)}",
        "note": "Large: medians. Small: single runs. Grey: facets of the medians' lower convex hull. Drag to turn.",
        "picture": f"figures/surface_{'_'.join(axes)}.png",
        "traces": traces + bar(colours, "scatter3d"),
        "layout": {
            "scene": {
                **{f"{a}axis": _axis(plain(name, contents.units, contents.own)) for a, name in zip("xyz", axes)},
                "aspectmode": "cube",
                "camera": CAMERA,
            },
            "margin": {"l": 0, "r": 0, "t": 10, "b": 0},
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1,
                "yanchor": "bottom",
                "font": {"size": 11},
                "itemsizing": "constant",
            },
        },
    }


def _curve(contents: Contents, colours: Colours, rows: DataFrame, axes: Sequence[str], i: int) -> list[Plot]:
    points, scale = contents.points, np.array([contents.scale(name) for name in axes])
    members = contents.repeated_runs(rows)
    of = f", {points.curves[i]}" if len(points.curves) > 1 else ""
    symbol = cycled(SYMBOLS, i)
    found = rows[list(axes)].to_numpy(dtype=float)
    corners = hulls.facets(found)
    own, theirs = colours.hexes(points.colour_by[rows.index]), colours.hexes(points.colour_by[points.of_run[members]])
    traces = [
        {
            "type": "scatter3d", "mode": "markers", "name": f"medians{of}", **_placed(found * scale),
            "marker": {"size": 5, "symbol": symbol, "color": own, "line": {"color": "#fff", "width": 1}},
            **medians(rows, (detail(contents, row, axes) for _, row in rows.iterrows())),
        },
        {
            "type": "scatter3d", "mode": "markers", "name": f"runs{of}",
            **_placed(contents.final_values(members, axes)),
            "marker": {"size": 2.5, "symbol": symbol, "color": theirs}, "customdata": [int(m) for m in members],
        },
    ]  # fmt: skip
    traces = [trace for trace in traces if trace["x"]]
    return traces + (_hull(found * scale, corners, of) if len(corners) else [])


def _axis(title: str) -> dict[str, Any]:
    return {"title": {"text": title, "font": {"size": 11}}, "tickfont": {"size": 10}, "nticks": 5, "gridcolor": "#ddd"}


def _placed(values: np.ndarray) -> dict[str, Any]:
    return {axis: numbers(values[:, k]) for k, axis in enumerate("xyz")}


def _hull(places: np.ndarray, corners: np.ndarray, of: str) -> list[Plot]:
    """A trace of the facets, and a trace of their sides as one line with gaps."""
    sides = np.unique(np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), 1), axis=0)
    gaps = np.concatenate([places[sides], np.full((len(sides), 1, 3), np.nan)], 1).reshape(-1, 3)
    name, hidden = f"hull{of}", {"hoverinfo": "skip", "legendgroup": f"hull{of}"}
    mesh = {axis: corners[:, k].tolist() for k, axis in enumerate("ijk")}
    look = {"color": "#999", "opacity": 0.22, "flatshading": True}
    return [
        {"type": "mesh3d", "name": name, "showlegend": True, **_placed(places), **mesh, **look, **hidden},
        {
            "type": "scatter3d", "mode": "lines", "name": name, "showlegend": False, **_placed(gaps),
            "line": {"color": "#8c8c8c", "width": 1.5}, **hidden,
        },
    ]  # fmt: skip
