"""The page's plots of a sweep: each measure against the multiplier, and the first law."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ib_cli.contracts.labels import GREEK, plain
from ib_cli.report.figures.measures import spread_words
from ib_cli.report.figures.style import COLOURS, beside, cycled
from ib_cli.report.page.plot_parts import (
    SYMBOLS,
    Plot,
    decades,
    detail,
    diagonal,
    form,
    layout,
    medians,
    numbers,
    per_cent,
    spread_bars,
)
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.first_law import SlopeSeries, axis_limits, not_positive, slope_series
from ib_cli.report.read.points import Line

ABOVE = 1.06  # place of the marks of slopes that are not positive, relative to the lower edge
MOST_NAMED = 12  # lines of a plot: above this, no legend
ZERO = 3.0  # a multiplier of 0 is drawn at the smallest positive one over this, as the axis is logarithmic


def measures(contents: Contents) -> Iterator[Plot]:
    """A plot per measure, and per slack of a bound, against the swept multiplier; none if no multiplier varies."""
    symbol = " or ".join(GREEK[name] for name in contents.colours.names)
    for name in [*contents.swept_metrics, *contents.swept_slacks]:
        traces = [trace for i in range(len(contents.points.curves)) for trace in _measure(contents, name, i)]
        named = {trace["name"] for trace in traces}
        yield {
            "id": f"measure-{name}",
            "title": f"{GREEK.get(name, name)} against {symbol}",
            "note": "Large: medians, joined where only this multiplier differs. "
            + (f"{words} beside them." if (words := spread_words(contents)) else ""),
            "traces": traces,
            "layout": layout(
                symbol,
                plain(name, contents.units, contents.own),
                xaxis=_axis(contents),
                yaxis=per_cent(name),
                showlegend=1 < len(named) <= MOST_NAMED,
            ),
        }


def _axis(contents: Contents) -> dict[str, Any]:
    """A logarithmic x axis, with a tick for a multiplier of 0 at the left; a linear one with negative multipliers."""
    values = contents.points.colour_by
    if _linear(contents):
        return {}
    if not (values == 0).any():
        return {"type": "log"}
    ticks = decades(contents.colours.low, contents.colours.high)
    return {
        "type": "log",
        "tickvals": [contents.colours.low / ZERO, *numbers(ticks)],
        "ticktext": ["0", *(f"{tick:.3g}" for tick in ticks)],
    }


def _measure(contents: Contents, name: str, i: int) -> Iterator[Plot]:
    """One curve's medians, a line per value of the other multipliers, and its single runs.

    Several curves differ in colour, form and dashes, and have a name each; lines of an only curve differ in colour.
    """
    curve, several = contents.points.curves[i], len(contents.points.curves) > 1
    lines = contents.points.lines(curve, name)
    for k, line in enumerate(lines):
        words = ", ".join(f"{GREEK[other]} = {value:g}" for other, value in line.others.items())
        name_of = curve if several else words or "medians"
        colour = contents.colours.shade(k, len(lines)) if words and not several else cycled(COLOURS, i)
        dash, symbol = form(i if several else k)
        look = {"color": colour, "symbol": symbol, "dash": dash}
        for trace in _line(contents, name, contents.points.swept[curve], line, look):
            yield {"showlegend": k == 0 or not several, **trace, "name": name_of, "legendgroup": name_of}


def _line(contents: Contents, name: str, swept: str, along: Line, look: dict[str, Any]) -> Iterator[Plot]:
    points, k, line = contents.points, contents.scale(name), along.rows
    members = contents.repeated_runs(line)
    marker = {"color": look["color"], "symbol": look["symbol"]}
    ends = contents.colours.low, contents.colours.high
    yield {
        "type": "scatter",
        "mode": "lines+markers" if along.joined else "markers",
        "x": _places(contents, line[swept].to_numpy(dtype=float)),
        "y": numbers(line[name] * k),
        "error_y": {**spread_bars(contents, line, name, k), "color": look["color"]},
        "line": {"color": look["color"], "dash": look["dash"], "width": 1.2},
        "marker": {**marker, "size": 8, "line": {"color": "#fff", "width": 1}},
        **medians(line, (f"{name} = {value * k:.4g}" for value in line[name])),
    }
    if len(members):
        yield {
            "type": "scatter",
            "mode": "markers",
            "showlegend": False,
            "x": _places(contents, beside(points.colour_by[points.of_run[members]], ends)),
            "y": numbers(contents.final_values(members, [name])[:, 0]),
            "marker": {**marker, "size": 4, "opacity": 0.5},
            "customdata": [int(member) for member in members],
            "hovertemplate": f"%{{text}}<br>{name} = %{{y:.4g}}<extra></extra>",
        }


def _places(contents: Contents, values: np.ndarray) -> list[float | None]:
    return numbers(values if _linear(contents) else np.where(values == 0, contents.colours.low / ZERO, values))


def _linear(contents: Contents) -> bool:
    """Whether a multiplier is negative, as that of a mix may be, which goes from −1 to 1."""
    return bool((contents.points.colour_by < 0).any())


def first_law(contents: Contents) -> list[Plot]:
    """A plot of the slopes of all frontiers against the ratios of the weights; none if no slope is known."""
    found = list(slope_series(contents.frontiers))
    if not found:
        return []
    across, up = axis_limits(found)
    several = len(contents.points.curves) > 1
    note = "On the dashed line the first law holds. Bars: the slopes on both sides of the point. "
    if any((series.rim & series.positive).any() for series in found):
        note += "Hollow: one-sided, at the rim of a surface. "
    if below := not_positive(found):
        note += f"Triangles at the lower edge: {below}."
    spans = [[float(np.log10(end)) for end in ends] for ends in (across, up)]
    return [
        {
            "id": "first-law",
            "title": "First law",
            "note": note,
            "traces": [
                diagonal(*across),
                *(_law(contents, series, i, several, up[0]) for i, series in enumerate(found)),
            ],
            "layout": layout(
                "ratio of the weights",
                "slope of the frontier",
                xaxis={"type": "log", "range": spans[0]},
                yaxis={"type": "log", "range": spans[1]},
                showlegend=True,
            ),
        }
    ]


def _law(contents: Contents, series: SlopeSeries, i: int, several: bool, edge: float) -> Plot:
    d = "∂" if series.partial else "d"
    shown, bars = series.positive, np.full((2, len(series.predicted)), np.nan)
    bars[:, shown] = series.bars
    symbol = cycled(SYMBOLS, i)
    texts = [detail(contents, row, series.frontier.split("-")) for _, row in series.rows.iterrows()]
    between = [
        "" if ok else f"<br>not positive: secants {low:.3g} and {high:.3g}"
        for ok, low, high in zip(shown, series.low, series.high)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"−{d}{series.last}/{d}{series.axis}" + (f", {series.curve}" if several else ""),
        "x": numbers(series.predicted),
        "y": numbers(np.where(shown, series.slope, edge * ABOVE)),
        "error_y": {
            "type": "data", "symmetric": False, "thickness": 1, "width": 0,
            "arrayminus": numbers(bars[0]), "array": numbers(bars[1]),
        },
        "marker": {
            "size": 8,
            "color": cycled(COLOURS, i),
            "symbol": [
                f"{symbol}-open" if ok and rim else symbol if ok else "triangle-down-open"
                for ok, rim in zip(shown, series.rim)
            ],
        },
        **medians(series.rows, (text + more for text, more in zip(texts, between))),
    }  # fmt: skip
