"""The first law: slopes of the frontiers against the ratios of the weights that produced their points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import counted, literal
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.first_law import SlopeSeries, axis_limits, not_positive, slope_series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 3  # series: above this, the legend is above the panel
ABOVE = 1.06  # place of the marks of slopes that are not positive, relative to the lower edge


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`first_law`: slopes of each frontier with bars between their secants; the law holds on the diagonal.

    Hollow marks: one-sided slopes, at a surface's rim. Triangles at the lower edge: slopes that are not positive.
    """
    found = list(slope_series(contents.frontiers))
    if not found:
        return []
    figure, (panel,) = style.new()
    across, up = axis_limits(found)
    for i, series in enumerate(found):
        _series(panel, series, i, len(contents.points.curves) > 1, up[0] * ABOVE)
    panel.plot(across, across, "--", color="0.35", lw=0.8, zorder=1)
    panel.set(xscale="log", yscale="log", xlim=across, ylim=up)
    style.log_ticks(panel.xaxis, *across)
    style.log_ticks(panel.yaxis, *up)
    style.tidy(panel, "ratio of the weights", "slope of the frontier")
    _legend(figure, panel, found)
    style.says(figure, style.of_split(contents), "bar = slopes to both neighbours", "no units", _cut(found, *up))
    return style.write(figure, folder, "first_law")


def _cut(found: list[SlopeSeries], low: float, high: float) -> str:
    """That bars reach beyond the axis."""
    ends = [(one.low[one.positive], one.high[one.positive]) for one in found]
    cut = sum(int(((down < low) | (up > high)).sum()) for down, up in ends)
    return f"{counted(cut, 'bar')} beyond the axis" if cut else ""


def _series(panel: Axes, series: SlopeSeries, i: int, several: bool, edge: float) -> None:
    colour, marker = style.cycled(style.COLOURS, i), style.cycled(style.MARKERS, i)
    d, last, axis = r"\partial " if series.partial else "d", series.last, series.axis
    text = f"$-{d}{last}/{d}{axis}$ against $w_{axis}/w_{last}$" + (f", {literal(series.curve)}" if several else "")
    shown, bars = series.positive, series.bars
    panel.errorbar([], [], fmt=marker, color=colour, ms=4, elinewidth=0.8, label=text)
    for rim in (False, True):
        of_kind = series.rim[shown] == rim
        panel.errorbar(
            series.predicted[shown][of_kind],
            series.slope[shown][of_kind],
            bars[:, of_kind],
            fmt=marker,
            color=colour,
            markerfacecolor="white" if rim else colour,
            markeredgewidth=0.8,
            ms=4,
            elinewidth=0.8,
        )
    below = series.predicted[~shown]
    panel.plot(below, [edge] * len(below), "v", color=colour, mfc="none", mew=0.8, ms=4, clip_on=False, zorder=4)


def _legend(figure: Figure, panel: Axes, found: list[SlopeSeries]) -> None:
    """The series, and the meaning of marks if there are any; above the panel if too large for it."""
    from matplotlib.lines import Line2D

    handles, texts = panel.get_legend_handles_labels()
    look: dict[str, Any] = {"color": "0.45", "linestyle": "none", "markerfacecolor": "white", "ms": 4}
    if any((series.rim & series.positive).any() for series in found):
        handles.append(Line2D([], [], marker="o", **look))
        texts.append("hollow: one-sided, at the rim")
    if note := not_positive(found):
        handles.append(Line2D([], [], marker="v", **look))
        texts.append(note)
    if len(found) <= FEW:
        panel.legend(handles, texts, fontsize=style.SMALL - 1, frameon=False)
        return
    figure.set_size_inches(style.WIDTH + 1, style.HEIGHT + 0.5 + 0.15 * len(texts))
    figure.legend(handles, texts, fontsize=style.SMALL - 1, frameon=False, loc="outside upper left")
