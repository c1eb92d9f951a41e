"""Means over runs as a line with bars of standard errors, and beside few runs' mean these runs as small marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.report.figures import style
from ib_cli.report.panels.noise_errors import Means
from ib_cli.report.quantities.spread import error_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def mean_line(panel: Axes, line: Means, i: int, label: str, across: tuple[float, float]) -> None:
    """Line `i` of a panel, in per cent of fractions; `across`: the ends of the x axis."""
    look, k = style.look(i), style.PER_CENT
    bars = np.where(line.runs > 1, line.error, np.nan) * k if line.error.any() else None  # an only run has none
    panel.errorbar(line.x, line.y * k, yerr=bars, label=label, ms=3.5, lw=1, capsize=2, elinewidth=0.8, **look)
    if len(line.singles):
        at = style.beside(line.singles[:, 0], across)
        panel.scatter(at, line.singles[:, 1] * k, s=5, color=look["color"], marker=look["marker"], linewidths=0)


def mean_words(found: Iterable[Means]) -> str:
    """What the bars and the small marks of these lines are."""
    lines = list(found)
    words = error_words(n for line in lines for n in line.runs)
    return words + (", small marks = single runs" if any(len(line.singles) for line in lines) else "")
