"""Decoder uncertainty, decoder and prediction cross-entropy over the epochs (Unpacking, Fig. 3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.cross_entropies import MEASURES, Bands, bands, extent
from ib_cli.report.quantities.spread import bar_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPOTS = 6  # marks along a line
MARGIN = 1.1  # beyond the largest value


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`cross_entropies`: a panel per point; lines are medians over its runs, bands are of their range or quartiles."""
    found = bands(contents)
    if not found:
        return []
    columns = style.columns_for(len(found))
    figure, panels = style.grid(len(found))
    for number, (panel, of_point) in enumerate(zip(panels, found)):
        _panel(panel, of_point, contents.scale("H[Y|Z]"))
        _axis(panel, found, contents)
        first = number % columns == 0
        style.tidy(panel, "epoch", f"{contents.split} split ({contents.units})" if first else "")
        panel.tick_params(labelleft=first)
    style.above(figure, panels[0].get_legend_handles_labels()[0])
    style.says(figure, style.of_split(contents), bar_words((each.runs for each in found), bar="band"))
    return style.write(figure, folder, "cross_entropies")


def _panel(panel: Axes, of_point: Bands, k: float) -> None:
    every = max(len(of_point.epochs) // SPOTS, 1)
    for i, (name, (low, median, high)) in enumerate(of_point.values.items()):
        colour, text = style.look(i)["color"], f"{MEASURES[name]} {mathtext(name)}"
        panel.fill_between(of_point.epochs, low * k, high * k, color=colour, alpha=0.2, linewidth=0)
        panel.plot(of_point.epochs, median * k, lw=1.2, ms=2.5, markevery=every, label=text, **style.look(i))
    panel.set_title(of_point.title(mathtext, literal), fontsize=style.MEDIUM)


def _axis(panel: Axes, found: list[Bands], contents: Contents) -> None:
    """The same range in all panels."""
    from matplotlib.ticker import MaxNLocator

    low, high, logarithmic = extent(found)
    k = contents.scale("H[Y|Z]")
    panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    if logarithmic:
        panel.set_yscale("log")
        style.log_ticks(panel.yaxis, low * k, high * k)
    panel.set_ylim(low * k / MARGIN if logarithmic else 0, high * k * MARGIN)
