"""The page's plots of decoder uncertainty, decoder and prediction cross-entropy over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.figures.style import COLOURS
from ib_cli.report.page.plot_parts import Plot, form, layout, numbers
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.cross_entropies import MEASURES, Bands, bands, extent
from ib_cli.report.quantities.spread import bar_words

SPOTS = 6  # marks along a line
MARGIN = 1.1  # beyond the largest value
FEW_DECADES = 100  # ratio of an axis' ends: below it, 2 and 5 have ticks as well
OPAQUE = "33"  # opacity of a band, in hexadecimal


def cross_entropies(contents: Contents) -> list[Plot]:
    """A plot per point with all three measures over several epochs; the y axis is the same for all."""
    found = bands(contents)
    if not found:
        return []
    k = contents.scale("H[Y|Z]")
    axis = _axis(found, k)
    return [
        {
            "id": f"cross-entropies-{number}",
            "title": f"Cross-entropies, {of_point.title(lambda name: GREEK[name])}",
            "note": "Medians over the runs that differ by their seed alone. "
            + (f"{words}." if (words := bar_words([of_point.runs], bar="band")) else ""),
            "traces": [trace for i, name in enumerate(MEASURES) for trace in _traces(of_point, i, name, k)],
            "layout": layout("epoch", f"{contents.split} split ({contents.units})", yaxis=axis, showlegend=True),
        }
        for number, of_point in enumerate(found)
    ]


def _axis(found: Sequence[Bands], k: float) -> dict[str, Any]:
    low, high, logarithmic = extent(found)
    low, high = low * k / MARGIN, high * k * MARGIN
    if not logarithmic:
        return {"range": [0.0, high]}
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    ticks = np.outer(decades, (1, 2, 5) if high < FEW_DECADES * low else (1,)).ravel()
    ends = numbers(np.log10([low, high]))
    return {"type": "log", "range": ends, "tickvals": numbers(ticks), "ticktext": [f"{tick:g}" for tick in ticks]}


def _traces(of_point: Bands, i: int, name: str, k: float) -> Iterator[Plot]:
    (low, median, high), epochs = of_point.values[name] * k, of_point.epochs
    common = {"type": "scatter", "mode": "lines", "legendgroup": name}
    dash, symbol = form(i)
    yield {
        **common, "hoverinfo": "skip", "showlegend": False, "fill": "toself", "fillcolor": COLOURS[i] + OPAQUE,
        "line": {"width": 0}, "x": numbers([*epochs, *epochs[::-1]]), "y": numbers([*low, *high[::-1]]),
    }  # fmt: skip
    yield {
        **common, "mode": "lines+markers", "name": f"{MEASURES[name]} {name}",
        "line": {"color": COLOURS[i], "dash": dash, "width": 1.6},
        "marker": {"color": COLOURS[i], "symbol": symbol, "size": 6, "maxdisplayed": SPOTS},
        "x": numbers(epochs), "y": numbers(median),
        "hovertemplate": f"epoch %{{x}}<br>{name} = %{{y:.4g}}<extra></extra>",
    }  # fmt: skip
