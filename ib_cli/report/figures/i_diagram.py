"""I-diagrams: information shared by x, y and z as areas, per estimator of a single run or per point of a sweep."""

from __future__ import annotations

from pathlib import Path

from ib_cli.contracts.labels import NATS_PER
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.i_diagrams import diagrams
from ib_cli.watch.pictures.i_diagram import i_diagrams


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`i_diagram`: a panel per estimator of a single run; else a panel per point. Flagged amounts are hatched."""
    named = diagrams(contents)
    if not named:
        return []
    figure = i_diagrams(named, contents.units, NATS_PER[contents.units])
    style.says(figure, style.of_split(contents, contents.estimated.split))
    return style.write(figure, folder, "i_diagram")
