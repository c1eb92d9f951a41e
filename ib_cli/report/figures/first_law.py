"""The first law: the slope that a frontier has against the ratio of weights that produced its points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.report.contents import Contents
from ib_cli.report.figures import style

if TYPE_CHECKING:
    from pandas import DataFrame

LENGTH = 3  # decades from the diagonal that are shown


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`first_law`: −dy/dx of each frontier, between its secants; on the diagonal where the law holds."""
    found = list(_series(contents.frontiers, len(contents.points.curves) > 1))
    if not found:
        return []
    figure, (panel,) = style.new()
    for i, (text, predicted, slope, bars) in enumerate(found):
        look = {"fmt": style.MARKERS[i % len(style.MARKERS)], "color": style.COLOURS[i % len(style.COLOURS)]}
        panel.errorbar(predicted, slope, bars, ms=4, elinewidth=0.8, label=text, **look)
    ratios = np.concatenate([predicted for _, predicted, _, _ in found])
    slopes = np.concatenate([slope for _, _, slope, _ in found])
    ends = np.array([ratios.min() / 2, ratios.max() * 2])
    panel.plot(ends, ends, "--", color="0.35", lw=0.8, zorder=1)
    secants = np.concatenate([slope - bars[0] for _, _, slope, bars in found if bars is not None] or [slopes])
    low = max(min(secants[secants > 0].min(initial=np.inf) / 1.5, slopes.min() / 2, ends[0]), ends[0] / 10**LENGTH)
    high = max(slopes.max() * 2, ends[1])
    panel.set(xscale="log", yscale="log", xlim=ends, ylim=(low, high))
    style.log_ticks(panel.xaxis, *ends)
    style.log_ticks(panel.yaxis, low, high)
    style.tidy(panel, "ratio of the weights", "slope of the frontier")
    panel.legend(fontsize=style.SMALL - 1, frameon=False)
    return style.write(figure, folder, "first_law")


def _series(table: DataFrame, several: bool) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Legend, predicted slopes, slopes, and the secants around them as error bars, where both slopes are positive."""
    if table.empty:
        return
    for (name, curve), rows in table.groupby(["frontier", "curve"], sort=False):
        *axes, last = str(name).split("-")
        for axis, column in zip(axes, ("slope", "slope_2")):
            known = rows[(rows[column] > 0) & (rows[f"{column}_predicted"] > 0)]
            if known.empty:
                continue
            slope = known[column].to_numpy()
            bars = None
            if len(axes) == 1:
                bars = np.stack([slope - known["slope_low"], known["slope_high"] - slope]).clip(min=0)
            d = "d" if len(axes) == 1 else r"\partial "
            text = f"$-{d}{last}/{d}{axis}$ against $w_{axis}/w_{last}$" + (f", {curve}" if several else "")
            yield text, known[f"{column}_predicted"].to_numpy(), slope, bars
