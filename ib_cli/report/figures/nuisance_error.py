"""Errors of the main task and of probes for a nuisance against β (Information Dropout, Fig. 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_errors import MODES, errors_by_beta


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`nuisance_error`: left the main task in each test mode, right the probes; bars are standard errors of means."""
    found = errors_by_beta(contents)
    if not found:
        return []
    figure, panels = style.new(2)
    for number, (name, line) in enumerate(found.items()):
        panel = panels[name not in MODES]
        colour, marker = style.cycled(style.COLOURS, number), style.cycled(style.MARKERS, number)
        look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 3.5, "lw": 1, "capsize": 2, "elinewidth": 0.8}
        bars = line.error * 100 if line.error.any() else None  # an only run has none
        panel.errorbar(line.x, line.y * 100, yerr=bars, label=MODES.get(name, literal(name)), **look)
    for panel, what in zip(panels, ("main task", "nuisance task")):
        panel.set_xscale("log")
        panel.set_title(what, fontsize=style.MEDIUM)
        style.tidy(panel, mathtext("beta"), f"error, {contents.split} split (%)")
        panel.legend(fontsize=style.SMALL, frameon=False)
    return style.write(figure, folder, "nuisance_error")
