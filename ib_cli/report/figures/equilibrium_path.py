"""Paths on the equilibrium surface under a constant law of the data (A Free-Energy Principle, Figures 2 and 3)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.figures.path_lines import write_panels
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.paths import panels_of, walks


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`equilibrium_path`: distortion and rate, γ and λ, then C and the accuracy against the steps; a line a run."""
    found = walks(contents)
    panels = panels_of(contents, found)
    return write_panels(contents, found, panels, folder, "equilibrium_path") if panels else []
