"""The information that layers of noise let through against the width of the network (Information Dropout, Fig. 6)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.contracts.labels import mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_layers import band_words, by_width


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`information_by_width`: KL of each layer, and of one of its units on average, with the noise on."""
    found = by_width(contents)
    if not found:
        return []
    figure, panels = style.new(2)
    k, several = contents.scale("KL"), len({beta for beta, _ in found}) > 1
    for number, ((beta, layer), both) in enumerate(found.items()):
        look = style.look(number)
        name = f"{layer}, {mathtext('beta')} = {beta}" if several else layer
        for panel, line in zip(panels, both):
            panel.fill_between(line.x, line.low * k, line.high * k, color=look["color"], alpha=0.2, linewidth=0)
            panel.plot(line.x, line.y * k, ms=3.5, lw=1, label=name, **look)
    for panel, what in zip(panels, ("KL of the layer", "KL of a unit")):
        style.tidy(panel, "fraction of the filters", f"{what} ({contents.units})")
        style.from_zero(panel)
    panels[0].legend(fontsize=style.SMALL, frameon=False)
    bands = band_words(line for both in found.values() for line in both)
    style.says(figure, style.of_split(contents), "noise on", bands)
    return style.write(figure, folder, "information_by_width")
