"""Error against the width of the network for several kinds of noise (Information Dropout, Fig. 3)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.contracts.labels import literal
from ib_cli.report.figures import style
from ib_cli.report.figures.mean_lines import mean_line, mean_words
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_errors import FRACTION, MODES, errors_by_width

WIDE = 3  # the largest error over the least


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`error_by_width`: a panel for each test mode, a line for each kind of noise; bars are standard errors.

    The panels have one scale of errors, logarithmic where the errors differ widely.
    """
    counted, found = errors_by_width(contents)
    if not found:
        return []
    figure, panels = style.grid(len(found))
    kinds = list(dict.fromkeys(kind for of in found.values() for kind in of))
    widths = sorted({float(x) for of in found.values() for line in of.values() for x in line.x})
    errors = [100 * y for of in found.values() for line in of.values() for y in line.y]
    low, high = min(errors), max(errors)
    for panel, (mode, of) in zip(panels, found.items()):
        if panel is not panels[0]:
            panel.sharey(panels[0])
        for kind, line in of.items():
            mean_line(panel, line, kinds.index(kind), literal(kind), (widths[0], widths[-1]))
        panel.set_xscale("log")
        panel.set_xticks(widths, [f"{100 * x:g}%" if counted == FRACTION else f"{x:g}" for x in widths])
        panel.set_xticks([], minor=True)
        panel.set_title(MODES[mode], fontsize=style.MEDIUM)
        style.tidy(panel, counted, f"error, {contents.split} split (%)" if panel is panels[0] else "")
    if low > 0 and high > WIDE * low:  # else one bad kind of noise would press the others together
        panels[0].set_yscale("log")
        style.log_ticks(panels[0].yaxis, low, high)
    style.above(figure, panels[0].get_legend_handles_labels()[0])  # where it hides no line
    style.says(figure, style.of_split(contents), mean_words(line for of in found.values() for line in of.values()))
    return style.write(figure, folder, "error_by_width")
