"""Error and total correlation of a layer of noise against β (Information Dropout, Fig. 5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_layers import Correlated, Series, band_words, correlations
from ib_cli.system.per_cent import show_per_cent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ERROR, CORRELATION = style.COLOURS[1], style.COLOURS[0]


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`total_correlation`: for each curve, the error with the noise on (left) and TC (right), whole and for a unit.

    TC is hollow where an estimate is flagged, as that of a layer whose logarithms are not Gaussian.
    """
    found = correlations(contents)
    if not found:
        return []
    figure, panels = style.grid(len(found))
    figure.set_size_inches(figure.get_size_inches()[0] * 1.25, figure.get_size_inches()[1])
    for panel, each in zip(panels, found):
        _panel(panel, each, contents)
        if len(found) > 1:
            panel.set_title(literal(each.curve), fontsize=style.MEDIUM)
    bands = band_words(each.error for each in found)
    style.says(
        figure, style.of_split(contents), bands, "hollow = flagged" if any(each.flagged for each in found) else ""
    )
    return style.write(figure, folder, "total_correlation")


def _panel(panel: Axes, each: Correlated, contents: Contents) -> None:
    k = contents.scale("TC[Z]")
    _plot(panel, each.error, 1.0, ERROR, "s", "--", hollow=False)
    style.tidy(panel, mathtext("beta"), f"error, {contents.split} split (%)")
    show_per_cent(panel.yaxis)
    panel.yaxis.label.set_color(ERROR)
    panel.set_xscale("log")
    style.from_zero(panel)
    right = panel.twinx()
    _plot(right, each.correlation, k, CORRELATION, "o", "-", hollow=each.flagged)
    right.set_ylim(min(0.0, float(each.correlation.low.min()) * k), None)
    right.set_ylabel(f"TC of {each.layer} ({contents.units})", fontsize=style.MEDIUM, color=CORRELATION)
    right.tick_params(labelsize=style.SMALL)
    right.spines["top"].set_visible(False)
    units = float(each.correlation.y[0] / each.per_unit.y[0]) if each.per_unit.y[0] else 1.0
    scales = lambda value: np.divide(value, units), lambda value: np.multiply(value, units)
    own = right.secondary_yaxis(1.22, functions=scales)
    own.set_ylabel(f"for one of {units:,.0f} units", fontsize=style.MEDIUM, color=CORRELATION)
    own.tick_params(labelsize=style.SMALL)


def _plot(panel: Axes, line: Series, k: float, colour: str, marker: str, dashes: str, hollow: bool) -> None:
    panel.fill_between(line.x, line.low * k, line.high * k, color=colour, alpha=0.2, linewidth=0)
    face = "white" if hollow else colour
    panel.plot(line.x, line.y * k, color=colour, marker=marker, mfc=face, ms=3.5, lw=1, ls=dashes)
