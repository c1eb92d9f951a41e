"""Common parts of the page's plots: numbers, axes, colour bar, hover texts of medians."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import GREEK, is_fraction, unit
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.colours import Colours

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Plot = dict[str, Any]
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
UNDOTTED = ("solid", "dash", "dashdot", "longdash", "longdashdot")  # where dots mean a flag
RUN_SYMBOLS = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-left",
    "triangle-right",
)
GREY = "#737373"
BASELINE = {"color": GREY, "width": 1.6, "dash": "dashdot"}  # the line of a linear Gaussian model
MOST_SEEDS = 10  # named in a hover text
CERTAIN = 1e-6  # nats: a smaller gap of the exact limit is not worth a word
DIGITS = 5


def numbers(values: Any) -> list[float | None]:
    """Values as JSON numbers, rounded to keep the page small; None for values that are not finite."""
    return [float(f"{v:.{DIGITS}g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=float)]


def layout(x: str, y: str, **more: Any) -> dict[str, Any]:
    """A layout with titles of x and y. `more`: further entries; `xaxis` and `yaxis` add to the axes."""
    axis = {
        "zeroline": False,
        "gridcolor": "#e6e6e6",
        "linecolor": "#333",
        "ticks": "outside",
        "exponentformat": "power",
    }
    return {
        "xaxis": {**axis, "title": {"text": x}, **more.pop("xaxis", {})},
        "yaxis": {**axis, "title": {"text": y}, **more.pop("yaxis", {})},
        "margin": {"l": 65, "r": 20, "t": 30, "b": 50},
        "hovermode": "closest",
        "plot_bgcolor": "#fff",
        "paper_bgcolor": "#fff",
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "font": {"size": 11}},
        **more,
    }


def bar(colours: Colours, kind: str = "scatter") -> list[Plot]:
    """The colour bar as a trace of type `kind` without points; ticks at the decades, or at the ends."""
    if not colours.vary:
        return []
    from matplotlib.colors import to_hex

    low, high = np.log10(colours.low), np.log10(colours.high)
    ticks = decades(colours.low, colours.high)
    scale_bar = {
        "title": {"text": " or ".join(GREEK[name] for name in colours.names), "side": "top"},
        "tickvals": numbers(np.log10(ticks)),
        "ticktext": [f"{tick:.3g}" for tick in ticks],
        "thickness": 12,
        "outlinewidth": 0,
    }
    scale = [[i / 15, to_hex(colours.map(i / 15))] for i in range(16)]
    marker = {"color": numbers([low, high]), "cmin": low, "cmax": high, "colorscale": scale, "colorbar": scale_bar}
    empty: dict[str, Any] = {axis: [None, None] for axis in ("xyz" if kind == "scatter3d" else "xy")}
    empty |= {"hoverinfo": "skip", "showlegend": False}
    return [{"type": kind, "mode": "markers", **empty, "marker": {**marker, "showscale": True}}]


def plain_line(points: np.ndarray, line: dict[str, Any]) -> Plot:
    """A line (n, 2) without marks, name and hover text."""
    return {
        "type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False, "line": line,
        "x": numbers(points[:, 0]), "y": numbers(points[:, 1]),
    }  # fmt: skip


def diagonal(low: float, high: float) -> Plot:
    """The dashed line y = x between two values."""
    return plain_line(np.array([[low, low], [high, high]]), {"color": GREY, "dash": "dash", "width": 1.2})


def decades(low: float, high: float) -> np.ndarray:
    """Ticks of a logarithmic axis: the powers of ten between its ends, or the ends if there are fewer than two."""
    exponents = np.arange(np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9) + 1)
    return 10**exponents if len(exponents) > 1 else np.array([low, high])


def form(i: int) -> tuple[str, str]:
    """Dashes and symbol of line i, as the figures' `style.look` has them."""
    return DASHES[(i + i // len(SYMBOLS)) % len(DASHES)], SYMBOLS[i % len(SYMBOLS)]


def per_cent(name: str) -> dict[str, Any]:
    """Ticks of an axis of fractions."""
    return {"tickformat": ".3~%"} if is_fraction(name) else {}


def spread_bars(contents: Contents, rows: DataFrame, name: str, scale: float) -> dict[str, Any]:
    """Error bars of the medians in `rows`: the range of few runs, else quartiles."""
    low, high = contents.bar_ends(rows, name)
    up, down = (high - rows[name]) * scale, (rows[name] - low) * scale
    bars = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": GREY}
    return {**bars, "array": numbers(up), "arrayminus": numbers(down)}


def medians(rows: DataFrame, details: Iterable[str]) -> dict[str, Any]:
    """Points of a trace's marks, and the plot's part of their hover texts; the page's script adds the rest."""
    return {"points": [int(point) for point in rows.index], "details": list(details)}


def detail(contents: Contents, row: Series, names: Sequence[str]) -> str:
    """Hover text of a median: its measures; for a pair or triple also slopes, predictions and distances."""
    parts = [
        f"{escape(name)} = {row[name] * contents.scale(name):.4g} {unit(name, contents.units, contents.own)}".rstrip()
        for name in names
    ]
    *across, last = names
    d = "d" if len(names) == 2 else "∂"
    for name, column in zip(across, ("slope", "slope_2")):
        found, predicted = row[column], row.get(f"{column}_predicted", np.nan)  # merged runs have no prediction
        law = f"first law: {predicted:.3g}" if np.isfinite(predicted) else ""
        slope = f"−{d}{last}/{d}{name} = {found:.3g}" if np.isfinite(found) else ""
        parts.append(", ".join(part for part in (slope, law) if part))
    if across:
        parts.append(f"to the hull: {row['distance'] * contents.scale(last):.2g} {contents.units}")
        if np.isfinite(above := row.get("above_limit", np.nan)):
            parts.append(f"J above the exact limit: {above * contents.scale(last):.2g} {contents.units}")
            if not (gap := row["limit_gap"]) <= CERTAIN:
                most = f"{gap * contents.scale(last):.2g} {contents.units} too high" if gap > 0 else "too high"
                parts.append(f"the exact limit is not certified: it may be {most}")
    return "<br>".join(part for part in parts if part)


def point_texts(contents: Contents) -> list[list[str]]:
    """Two hover texts per point: its multipliers; its seeds and its runs' common folder."""
    table = contents.points.table
    names = [name for name in GREEK if name in table.columns]
    seeds, folders = contents.results["seed"], contents.results["folder"]
    texts = []
    for point, row in table.iterrows():
        members = np.flatnonzero(contents.points.of_run == point)
        known = [str(seed) for seed in seeds.iloc[members].dropna()]
        named = ", ".join(known[:MOST_SEEDS]) + (" …" if len(known) > MOST_SEEDS else "")
        count = f"median of {len(members)} runs, " if len(members) > 1 else ""
        word = "seeds" if len(known) > 1 else "seed"
        head = ", ".join(f"{GREEK[name]} = {row[name]:g}" for name in names if np.isfinite(row[name]))
        whose = [f"{count}{word} {named}" if known else count.rstrip(", ")]
        whose.append(escape(os.path.commonpath(list(folders.iloc[members])), quote=False))
        texts.append([head, "<br>".join(part for part in whose if part)])
    return texts
