"""What the laws of the equilibrium surface leave over along paths, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.report.figures import style
from ib_cli.report.figures.path_lines import colour, legend
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.path_laws import LAWS, Residuals, law_label, residuals
from ib_cli.report.panels.paths import names_of, together, transfers, walks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`path_laws`: a panel for each law, on the train split; bars are standard errors, the dotted line is the law."""
    paths = together(walks(contents), transfers(contents))
    found = [(law, rows) for law in LAWS if (rows := residuals(contents, paths, law))]
    if not found:
        return []
    figure, axes = style.new(len(found))
    names = names_of(paths)
    for place, (law, rows) in zip(axes, found):
        _panel(place, contents, rows, len(names))
        style.whole_numbers(place.xaxis)
        style.tidy(place, "steps", law_label(law, law.text, contents.units))
        place.set_title(law.says, fontsize=style.MEDIUM)
    legend(figure, contents, names)
    return style.write(figure, folder, "path_laws")


def _panel(place: Axes, contents: Contents, rows: Sequence[Residuals], count: int) -> None:
    place.axhline(0, color="0.35", ls=":", lw=0.9, zorder=1)
    for number, found in enumerate(rows):
        own = colour(contents, found.path.number, count)
        errors = np.where(np.isfinite(found.errors), found.errors, 0.0)
        place.errorbar(
            found.steps, found.values, errors, fmt="o", color=own, ms=2.2, mew=0, elinewidth=0.6, alpha=0.85,
            zorder=2 + number / len(rows),
        )  # fmt: skip
