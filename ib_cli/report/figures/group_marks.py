"""Lines of runs whose groups differ in dashes and marks beside their colours, and the legend of the groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.run_groups import Group, named_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

SPOTS = 5  # marks along a line
SIZE = 8  # of a mark, in square points
Groups = Mapping[int, tuple[int, Group]]


def dashes_of(runs: Iterable[int], groups: Groups, dashes: Sequence[Any] = style.UNDOTTED) -> list[Any]:
    """The dashes of each run's line: its group's, else solid."""
    return [dashes[groups[run][0] % len(dashes)] if run in groups else "-" for run in runs]


def markers_of(runs: Iterable[int], groups: Groups) -> list[str]:
    """The marker of each run: its group's, else a dot."""
    return [style.cycled(style.RUN_MARKERS, groups[run][0] if run in groups else 0) for run in runs]


def lines(
    panel: Axes,
    paths: Mapping[int, np.ndarray],
    colours: Sequence[str],
    groups: Groups,
    dashes: Sequence[Any],
    **look: Any,
) -> None:
    """A line (n, 2) per run, in the dashes and with some marks of its group; solid without a group."""
    from matplotlib.collections import LineCollection

    own = dashes_of(paths, groups, dashes)
    panel.add_collection(LineCollection(list(paths.values()), colors=colours, linestyles=own, **look))
    marks(panel, paths, colours, groups, rasterized=bool(look.get("rasterized")))


def marks(
    panel: Axes, paths: Mapping[int, np.ndarray], colours: Sequence[str], groups: Groups, rasterized: bool = False
) -> None:
    """Some marks of its group along each line (n, 2), those of several groups not at the same places."""
    for number in dict.fromkeys(number for number, _ in groups.values()):
        spots, shades = [], []
        for (run, path), colour in zip(paths.items(), colours):
            if run in groups and groups[run][0] == number:
                chosen = np.unique(np.linspace(0, len(path) - 1, SPOTS).round().astype(int))
                spots.append(path[chosen])
                shades += [colour] * len(chosen)
        at: dict[str, Any] = {
            "s": SIZE,
            "marker": style.cycled(style.RUN_MARKERS, number),
            "linewidths": 0,
            "zorder": 2.4,
        }
        if spots:
            x, y = np.concatenate(spots).T
            panel.scatter(x, y, c=shades, rasterized=rasterized, **at)


def handles(contents: Contents, groups: Groups, dashes: Sequence[Any] = style.UNDOTTED) -> list[Line2D]:
    """The legend's entries of the groups; none if there are none to tell apart."""
    from matplotlib.lines import Line2D

    found = named_groups(groups)
    colours = contents.colours.hexes(np.array([group.value for _, group in found]))
    return [
        Line2D(
            [], [], color=colour, lw=0.9, ms=3, mew=0, ls=dashes[number % len(dashes)],
            marker=style.cycled(style.RUN_MARKERS, number),
            label=group.title(contents.colours.names, mathtext, literal),
        )
        for (number, group), colour in zip(found, colours)
    ]  # fmt: skip
