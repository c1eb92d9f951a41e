"""Transfers from a source to a target beside direct training on the target (A Free-Energy Principle, Figures 5, 6)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.figures.path_lines import write_panels
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.paths import panels_of, transfers


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`transfer`: the panels of a path, by the law at each step; training from scratch is a star at its end."""
    found = transfers(contents)
    panels = panels_of(contents, found)
    return write_panels(contents, found, panels, folder, "transfer") if panels else []
