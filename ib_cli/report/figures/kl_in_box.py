"""The share of the KL of layers of noise that lies in the box of the digit, against β (cluttered MNIST)."""

from __future__ import annotations

from pathlib import Path

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_layers import band_words, measured, shares
from ib_cli.system.per_cent import show_per_cent


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`kl_in_box`: a line for each layer; grey, the box's share of the image."""
    found = shares(contents)
    if not found:
        return []
    figure, (panel,) = style.new()
    several = len({curve for curve, _ in found}) > 1
    for number, ((curve, layer), line) in enumerate(found.items()):
        look = style.look(number)
        name = f"{literal(curve)}, {layer}" if several else layer
        panel.fill_between(line.x, line.low, line.high, color=look["color"], alpha=0.2, linewidth=0)
        panel.plot(line.x, line.y, ms=3.5, lw=1, label=name, **look)
    fractions = (each.layers.box_fraction for each in measured(contents))
    for fraction in {fraction for fraction in fractions if fraction is not None}:
        panel.axhline(fraction, color="0.5", lw=0.8, label="box's share of the image")
    panel.set_xscale("log")
    style.from_zero(panel)
    style.tidy(panel, mathtext("beta"), f"share of KL in the box, {contents.split} split (%)")
    show_per_cent(panel.yaxis)
    panel.legend(fontsize=style.SMALL, frameon=False)
    style.says(figure, style.of_split(contents), band_words(found.values()))
    return style.write(figure, folder, "kl_in_box")
