"""The free energy over the epochs of equilibrations and along paths (A Free-Energy Principle, Figure 4)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.figures.path_lines import write_panels
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.paths import equilibrated, free_energy_panels, together, walks


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`free_energy`: F over the epochs of an equilibration, where they were recorded, and against a path's steps."""
    found = together(equilibrated(contents), walks(contents))
    panels = free_energy_panels(contents, found)
    return write_panels(contents, found, panels, folder, "free_energy") if panels else []
