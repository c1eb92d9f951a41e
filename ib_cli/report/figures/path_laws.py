"""What the laws of the equilibrium surface leave over along paths, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.report.figures import style
from ib_cli.report.figures.path_lines import colour, legend, marker
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.path_laws import LAWS, Law, Residuals, far_out, law_label, residuals
from ib_cli.report.panels.paths import ShownPath, names_of, together, transfers, walks
from ib_cli.report.quantities.spread import number_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 6.4, 1.7  # inches of the figure and of a panel
LINEAR = 0.1  # on either side of 0, where an axis with values far out is linear
SPREAD = 0.8  # of a step, over which the marks of several paths are spread


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`path_laws`: a panel for each law, on the train split; bars are standard errors, the dotted line is 0.

    Marks of several paths at one step stand side by side.
    """
    paths = together(walks(contents), transfers(contents))
    found = [(law, rows) for law in LAWS if (rows := residuals(contents, paths, law))]
    if not found:
        return []
    figure, axes = style.new(1, len(found))
    figure.set_size_inches(WIDTH, HEIGHT * len(found) + 0.4)
    for place, (law, rows) in zip(axes, found):
        _panel(place, contents, rows, len(names_of(paths)))
        if far_out(law, rows):
            place.set_yscale("symlog", linthresh=LINEAR)
        style.whole_numbers(place.xaxis)
        style.tidy(place, "steps" if place is axes[-1] else "", law_label(law, law.text, contents.units))
        place.set_title(law.says, fontsize=style.MEDIUM)
        place.set_xlim(*_extent(found))
    legend(figure, contents, paths)
    style.says(figure, "train split", "bar = standard error", _copies(contents, paths))
    return style.write(figure, folder, "path_laws")


def _panel(place: Axes, contents: Contents, rows: Sequence[Residuals], count: int) -> None:
    place.axhline(0, color="0.35", ls=":", lw=0.9, zorder=1)
    for k, found in enumerate(rows):
        at = found.steps + SPREAD * ((k + 0.5) / len(rows) - 0.5)
        own, errors = colour(contents, found.path.number, count), np.where(np.isfinite(found.errors), found.errors, 0.0)
        place.errorbar(
            at, found.values, errors, fmt=marker(found.path.number), color=own, ms=2.2, mew=0, elinewidth=0.6
        )


def _copies(contents: Contents, paths: Sequence[ShownPath]) -> str:
    """Of how many copies the errors are; '' where configs do not tell."""
    found = {contents.runs[path.run].config.get("procedure.copies") for path in paths}
    known = {count for count in found if isinstance(count, int) and not isinstance(count, bool)}
    return f"{number_words(known)} copies a side" if known else ""


def _extent(found: Sequence[tuple[Law, Sequence[Residuals]]]) -> tuple[float, float]:
    """The same steps in all panels."""
    last = max(float(each.steps.max()) for _, rows in found for each in rows)
    return -1, last + 1
