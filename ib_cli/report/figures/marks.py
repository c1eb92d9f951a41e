"""Marks and lines of runs that follow the flags of their estimates: what is flagged or a bound is hollow or dotted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

FLAGGED = (0, (1, 1.2))  # dots


def lines(
    place: Axes,
    paths: Sequence[np.ndarray],
    flagged: Sequence[np.ndarray],
    colours: Sequence[str],
    dashes: Sequence[Any] = ("-",),
    **look: Any,
) -> None:
    """A line (n, 2) per run: in its `dashes`, and dotted where one of its ends is flagged (n,).

    `rasterized`: for a crowd.
    """
    from matplotlib.collections import LineCollection

    trusted = [np.where(marks[:, None], np.nan, path) for path, marks in zip(paths, flagged)]
    doubted = [path for path, marks in zip(paths, flagged) if marks.any()]
    own = [colour for colour, marks in zip(colours, flagged) if marks.any()]
    if doubted:
        place.add_collection(LineCollection(doubted, colors=own, linestyles=[FLAGGED], **look))
    place.add_collection(LineCollection(trusted, colors=colours, linestyles=list(dashes), **look))


def ends(
    place: Axes,
    points: np.ndarray,
    colours: Sequence[str],
    done: np.ndarray,
    hollow: np.ndarray,
    crowd: bool,
    markers: Sequence[str] = (),
) -> None:
    """A mark at each point (n, 2) of a finished run, else a cross; hollow for a bound or a flagged estimate.

    `markers` (n,): of finished runs; none: dots.
    """
    forms = np.array([marker if whole else "X" for marker, whole in zip(markers or ["o"] * len(points), done)])
    for marker, open_ in product(dict.fromkeys(forms.tolist()), (False, True)):
        kept = (forms == marker) & (hollow == open_)
        own = [colour for colour, keep in zip(colours, kept) if keep]
        if own:
            place.scatter(
                *points[kept].T,
                s=8 if crowd else 20,
                marker=marker,
                facecolors="white" if open_ else own,
                edgecolors=own if open_ else "white",
                linewidths=0.9 if open_ else 0.0 if crowd else 0.5,
                zorder=3,
            )


def hollow_handle(text: str) -> Line2D:
    """The legend's entry for hollow marks."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=text, color="0.35", lw=0, marker="o", ms=4.5, mfc="white", mew=0.9)
