"""The slack of TherML's bounds against the swept multiplier."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.figures.measures import against_multiplier
from ib_cli.report.panels.contents import Contents


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`slack`: a panel per bound, the functional less what it bounds; on the line at 0 the bound is tight."""
    return against_multiplier(contents, contents.swept_slacks, folder, "slack", floor=0.0)
