"""Error against the width of the network for several kinds of noise (Information Dropout, Fig. 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ib_cli.contracts.labels import literal
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_errors import FRACTION, MODES, errors_by_width


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`error_by_width`: a panel for each test mode, a line for each kind of noise; bars are standard errors."""
    counted, found = errors_by_width(contents)
    if not found:
        return []
    figure, panels = style.grid(len(found))
    kinds = list(dict.fromkeys(kind for of in found.values() for kind in of))
    widths = sorted({float(x) for of in found.values() for line in of.values() for x in line.x})
    for panel, (mode, of) in zip(panels, found.items()):
        for kind, line in of.items():
            colour, marker = (style.cycled(each, kinds.index(kind)) for each in (style.COLOURS, style.MARKERS))
            look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 3.5, "lw": 1, "capsize": 2}
            panel.errorbar(line.x, line.y * 100, yerr=line.error * 100, label=literal(kind), elinewidth=0.8, **look)
        panel.set_xscale("log")
        panel.set_xticks(widths, [f"{x:.0%}" if counted == FRACTION else f"{x:g}" for x in widths])
        panel.set_xticks([], minor=True)
        panel.set_title(MODES[mode], fontsize=style.MEDIUM)
        style.tidy(panel, counted, f"error, {contents.split} split (%)")
    panels[0].legend(fontsize=style.SMALL, frameon=False)
    return style.write(figure, folder, "error_by_width")
