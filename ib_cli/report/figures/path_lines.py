"""How figures draw paths on the equilibrium surface: a line a run, its start a ring, a cross where it is not done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import label, literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.baseline import baselines
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.paths import MOST_NAMED, PathPanel, ShownPath, line, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS = 50  # marks along a line
WIDTHS = (1.2, 0.8)  # of the lines of the first split and of the other one


def write_panels(
    contents: Contents, paths: Sequence[ShownPath], panels: Sequence[PathPanel], folder: Path, name: str
) -> list[Path]:
    """A figure with these panels of the paths, and a legend above."""
    figure, axes = style.grid(len(panels))
    for place, panel in zip(axes, panels):
        draw_panel(place, contents, paths, panel)
    drawn = max((panel.splits for panel in panels), key=len)
    legend(figure, contents, paths, drawn if len(drawn) > 1 else ())
    style.says(figure, style.of_split(contents, " and ".join(drawn)), f"R, D, C and F in {contents.units}")
    return style.write(figure, folder, name)


def draw_panel(place: Axes, contents: Contents, paths: Sequence[ShownPath], panel: PathPanel) -> None:
    """The paths in one panel; where it shows rate and distortion, what a linear Gaussian model attains as well."""
    count = len(names_of(paths))
    for path in paths:
        own = colour(contents, path.number, count)
        for k, split in enumerate(panel.splits):
            _line(place, contents, path, line(contents, path, panel, split)[:, 1:], own, k)
    linear = [
        place.plot(*found.points.T, zorder=1, label=literal(found.name), **style.BASELINE)[0]
        for found in baselines(contents, panel.x, panel.y, *place.get_xlim())
    ]
    if linear:
        place.legend(handles=linear, fontsize=style.SMALL, frameon=False)
    units = contents.units
    if panel.y == "C":
        style.from_zero(place)  # by how much it changes is to be seen
    if panel.counted:
        style.whole_numbers(place.xaxis)
    style.tidy(place, panel.counted or axis_label(panel.x, units), axis_label(panel.y, units))


def axis_label(measure: str, units: str) -> str:
    """Axis label of a measure of a path."""
    if measure == "accuracy":
        return "accuracy (%)"
    return mathtext(measure) if measure in ("lambda", "gamma") else label(measure, units)


def colour(contents: Contents, number: int, count: int) -> str:
    """The colour of a name: one of eight that can be told apart; of more names, a shade."""
    few = count <= len(style.COLOURS)
    return style.COLOURS[number] if few else contents.colours.shade(number, count)


def marker(number: int) -> str:
    """The marker of a name. Rings, crosses and stars are of starts and ends."""
    return style.cycled(style.RUN_MARKERS, number)


def legend(
    figure: Figure,
    contents: Contents,
    paths: Sequence[ShownPath],
    drawn: Sequence[str] = (),
) -> None:
    """Above the panels: the names, if they are few enough, and below them the splits `drawn`."""
    from matplotlib.lines import Line2D

    names, handles = names_of(paths), []
    stars = {path.name for path in paths if path.scratch}
    for number, name in enumerate(names if len(names) <= MOST_NAMED else ()):
        look: dict[str, Any] = {"lw": WIDTHS[0], "marker": marker(number), "ms": 3, "mew": 0}
        look = {"lw": 0, "marker": "*", "ms": 7} if name in stars else look
        handles.append(Line2D([], [], color=colour(contents, number, len(names)), label=literal(name), **look))
    last = [
        Line2D([], [], color="0.35", lw=WIDTHS[k], ls=style.DASHES[k], label=split) for k, split in enumerate(drawn)
    ]
    longest = max(len(name) for name in names)
    columns = max(min(len(handles), 5 if longest < 12 else 3 if longest < 30 else 1), len(last), 1)
    empty = Line2D([], [], lw=0, label=" ")
    rows = [handles[i : i + columns] for i in range(0, len(handles), columns)] + ([last] if last else [])
    cells = [row + [empty] * (columns - len(row)) for row in rows]
    in_columns = [row[i] for i in range(columns) for row in cells]  # as a legend fills column by column
    if in_columns:
        look = {"fontsize": style.SMALL, "frameon": False, "ncols": columns}
        figure.legend(handles=in_columns, loc="outside upper center", **look)


def _line(place: Axes, contents: Contents, path: ShownPath, points: Any, own: str, k: int) -> None:
    """The line of one split; the first split's start and end are marked."""
    if not len(points):
        return
    if path.scratch:
        place.plot(
            *points[-1], "*", color=own, ms=8 if k == 0 else 5, mfc=own if k == 0 else "white", mew=0.8, zorder=4
        )
        return
    every = max(len(points) // DOTS, 1)
    dots: dict[str, Any] = {"marker": marker(path.number), "ms": 2.4, "mew": 0, "markevery": every} if k == 0 else {}
    place.plot(*points.T, color=own, lw=WIDTHS[k], ls=style.DASHES[k], alpha=1 if k == 0 else 0.75, **dots)
    if k == 0:
        place.plot(*points[0], "o", color=own, mfc="white", ms=4.5, mew=1.0, zorder=3)
        if contents.runs[path.run].status != "done":
            place.plot(*points[-1], "X", color=own, ms=5.5, mew=0, zorder=3)
