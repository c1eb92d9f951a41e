"""The page's plots of a sweep: each measure against the multiplier, and the first law."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ib_cli.contracts.labels import GREEK, plain
from ib_cli.report.figures.style import COLOURS
from ib_cli.report.page.traces import DASHES, GREY, SYMBOLS, Plot, detail, layout, medians, numbers, quartiles
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.slopes import Slopes, limits, not_positive, slopes
from ib_cli.report.read.points import Line

ABOVE = 1.06  # of the lower edge: where the marks of slopes that are not positive stand
MOST_NAMED = 12  # lines of a plot: more have no legend
ZERO = 3.0  # so far below the smallest multiplier stands one that is 0, on a logarithmic axis


def measures(contents: Contents) -> Iterator[Plot]:
    """A plot per measure against the swept multiplier; none where no multiplier varies."""
    table = contents.points.table
    if not contents.colours.vary:
        return
    symbol = " or ".join(GREEK[name] for name in contents.colours.names)
    for name in contents.metrics:
        if name not in table.columns or not np.isfinite(table[name]).any():
            continue
        traces = [trace for i in range(len(contents.points.curves)) for trace in _measure(contents, name, i)]
        named = {trace["name"] for trace in traces}
        yield {
            "id": f"measure-{name}",
            "title": f"{GREEK.get(name, name)} against {symbol}",
            "note": "Large: medians with quartiles, joined where only this multiplier differs. Small: single runs.",
            "traces": traces,
            "layout": layout(
                symbol,
                plain(name, contents.units),
                xaxis=_axis(contents),
                showlegend=1 < len(named) <= MOST_NAMED,
            ),
        }


def _axis(contents: Contents) -> dict[str, Any]:
    """Logarithmic; where a multiplier is 0, with a place for it on the left."""
    values = contents.points.colour_by
    if not (values == 0).any():
        return {"type": "log"}
    colours = contents.colours
    decades = np.arange(np.ceil(np.log10(colours.low) - 1e-9), np.floor(np.log10(colours.high) + 1e-9) + 1)
    ticks = 10**decades if len(decades) > 1 else np.array([colours.low, colours.high])
    return {
        "type": "log",
        "tickvals": [colours.low / ZERO, *numbers(ticks)],
        "ticktext": ["0", *(f"{tick:.3g}" for tick in ticks)],
    }


def _measure(contents: Contents, name: str, i: int) -> Iterator[Plot]:
    """The medians, a line per value of the other multipliers, and the single runs of one curve.

    Curves differ by colour, form and dashes, and have a name each; the lines of an only curve differ by colour.
    """
    curve, several = contents.points.curves[i], len(contents.points.curves) > 1
    lines = contents.points.lines(curve, name)
    for k, line in enumerate(lines):
        words = ", ".join(f"{GREEK[other]} = {value:g}" for other, value in line.others.items())
        name_of = curve if several else words or "medians"
        colour = contents.colours.shade(k, len(lines)) if words and not several else COLOURS[i % len(COLOURS)]
        look = {"color": colour, "symbol": SYMBOLS[i % len(SYMBOLS)], "dash": DASHES[i % len(DASHES)]}
        for trace in _line(contents, name, contents.points.swept[curve], line, look):
            yield {"showlegend": k == 0 or not several, **trace, "name": name_of, "legendgroup": name_of}


def _line(contents: Contents, name: str, swept: str, along: Line, look: dict[str, Any]) -> Iterator[Plot]:
    points, k, line = contents.points, contents.scale(name), along.rows
    members = np.flatnonzero(np.isin(points.of_run, line.index[line["runs"] > 1]))
    theirs = contents.results.loc[members, f"{contents.split}/{name}"] * k
    marker = {"color": look["color"], "symbol": look["symbol"]}
    yield {
        "type": "scatter",
        "mode": "lines+markers" if along.joined else "markers",
        "x": _places(contents, line[swept].to_numpy(dtype=float)),
        "y": numbers(line[name] * k),
        "error_y": {**quartiles(line, name, k), "color": look["color"]},
        "line": {"color": look["color"], "dash": look["dash"], "width": 1.2},
        "marker": {**marker, "size": 8, "line": {"color": "#fff", "width": 1}},
        **medians(line, (f"{name} = {value * k:.4g}" for value in line[name])),
    }
    if len(members):
        yield {
            "type": "scatter",
            "mode": "markers",
            "showlegend": False,
            "x": _places(contents, points.colour_by[points.of_run[members]]),
            "y": numbers(theirs),
            "marker": {**marker, "size": 4, "opacity": 0.5},
            "customdata": [int(member) for member in members],
            "hovertemplate": f"%{{text}}<br>{name} = %{{y:.4g}}<extra></extra>",
        }


def _places(contents: Contents, values: np.ndarray) -> list[float | None]:
    return numbers(np.where(values == 0, contents.colours.low / ZERO, values))


def law(contents: Contents) -> list[Plot]:
    """The slopes of every frontier against the ratios of the weights; none where no slope is known."""
    found = list(slopes(contents.frontiers))
    if not found:
        return []
    across, up = limits(found)
    several = len(contents.points.curves) > 1
    note = "On the dashed line the first law holds. Bars: the slopes on both sides of the point. "
    if any((series.rim & series.positive).any() for series in found):
        note += "Hollow: one-sided, at the rim of a surface. "
    if below := not_positive(found):
        note += f"Triangles at the lower edge: {below}."
    diagonal = {
        "type": "scatter", "mode": "lines", "x": numbers(across), "y": numbers(across), "hoverinfo": "skip",
        "showlegend": False, "line": {"color": GREY, "dash": "dash", "width": 1.2},
    }  # fmt: skip
    spans = [[float(np.log10(end)) for end in ends] for ends in (across, up)]
    return [
        {
            "id": "first-law",
            "title": "First law",
            "note": note,
            "traces": [diagonal, *(_law(contents, series, i, several, up[0]) for i, series in enumerate(found))],
            "layout": layout(
                "ratio of the weights",
                "slope of the frontier",
                xaxis={"type": "log", "range": spans[0]},
                yaxis={"type": "log", "range": spans[1]},
                showlegend=True,
            ),
        }
    ]


def _law(contents: Contents, series: Slopes, i: int, several: bool, edge: float) -> Plot:
    d = "∂" if series.partial else "d"
    shown, bars = series.positive, np.full((2, len(series.predicted)), np.nan)
    bars[:, shown] = series.bars
    symbol = SYMBOLS[i % len(SYMBOLS)]
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
            "color": COLOURS[i % len(COLOURS)],
            "symbol": [
                f"{symbol}-open" if ok and rim else symbol if ok else "triangle-down-open"
                for ok, rim in zip(shown, series.rim)
            ],
        },
        **medians(series.rows, (text + more for text, more in zip(texts, between))),
    }  # fmt: skip
