"""Errors of the main task and of probes for a nuisance against β (Information Dropout, Fig. 4)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.figures.mean_lines import mean_line, mean_words
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_errors import MODES, errors_by_beta


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`nuisance_error`: left the main task in each test mode, right the probes; bars are standard errors of means."""
    found = errors_by_beta(contents)
    if not found:
        return []
    figure, panels = style.new(2)
    for number, (name, line) in enumerate(found.items()):
        ends = float(line.x[0]), float(line.x[-1])
        mean_line(panels[name not in MODES], line, number, MODES.get(name, literal(name)), ends)
    for panel, what in zip(panels, ("main task", "nuisance task")):
        panel.set_xscale("log")
        panel.set_title(what, fontsize=style.MEDIUM)
        style.tidy(panel, mathtext("beta"), f"error, {contents.split} split (%)")
        panel.legend(fontsize=style.SMALL, frameon=False)
    style.says(figure, style.of_split(contents), mean_words(found.values()))
    return style.write(figure, folder, "nuisance_error")
