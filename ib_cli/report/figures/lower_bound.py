"""Lower bounds on ln p(x) by the noise and the size of z (Information Dropout, Table 1)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.lower_bounds import lower_bounds
from ib_cli.report.quantities.spread import number_words


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`lower_bound`: a table, a row for each number of z's units, a column for each noise; ± is the standard error."""
    found = lower_bounds(contents)
    if not found:
        return []
    sizes = sorted({float(x) for line in found.values() for x in line.x})
    k = contents.scale("D")
    cells = [[f"{units:g}", *(["–"] * len(found))] for units in sizes]
    for column, line in enumerate(found.values(), start=1):
        for x, y, error, runs in zip(line.x, line.y, line.error, line.runs):
            cells[sizes.index(float(x))][column] = f"{y * k:.2f}" + (f" ± {error * k:.2f}" if runs > 1 else "")
    figure, (panel,) = style.new()
    figure.set_size_inches(style.WIDTH * 1.2, 0.3 * (len(cells) + 3))
    panel.set_axis_off()
    panel.set_title(f"lower bound on ln p(x) in {contents.units}, {contents.split} split", fontsize=style.MEDIUM)
    table = panel.table(cells, colLabels=["units of z", *found], loc="center", cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(style.MEDIUM)
    table.scale(1, 1.4)
    repeated = [int(n) for line in found.values() for n in line.runs if n > 1]
    style.says(figure, f"± is the standard error of {number_words(repeated)}" if repeated else "")
    return style.write(figure, folder, "lower_bound")
