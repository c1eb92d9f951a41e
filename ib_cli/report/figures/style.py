"""Common parts of the figures: sizes, axes, colour bar, writing. Matplotlib's objects only, no pyplot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import mathtext
from ib_cli.report.quantities.colours import Colours
from ib_cli.system.atomic import replacing
from ib_cli.system.figure_layout import lay_out
from ib_cli.system.pdf_fonts import without_shaping

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, SubFigure

DPI = 300
PNG = {"compress_level": 3}  # a few per cent larger than at 6, in half the time
SMALL, MEDIUM = 7, 8  # points: ticks and legends, labels
WIDTH, HEIGHT = 3.5, 2.6  # inches of a figure with one panel: a column of a paper
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # of the curves, told apart by form beside colour
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#808080")  # Okabe and Ito
DASHES = ("-", "--", ":", "-.")
BASELINE: dict[str, Any] = {"color": "0.45", "ls": "-.", "lw": 1.1}  # the line of a linear Gaussian model
COLUMNS = 3  # panels in a row


def new(columns: int = 1, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row."""
    from matplotlib.figure import Figure

    size = (WIDTH if columns == 1 else 2.5 * columns + 0.4, HEIGHT if rows == 1 else 2.0 * rows + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flatten())


def columns_for(count: int) -> int:
    """Panels per row of a figure with `count` panels."""
    return 2 if count == 4 else min(count, COLUMNS)


def grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows; the rest of the last row is empty."""
    columns = columns_for(count)
    figure, panels = new(columns, math.ceil(count / columns))
    for panel in panels[count:]:
        panel.set_visible(False)
    return figure, panels[:count]


def cycled(values: Sequence[str], i: int) -> str:
    """Value i of a style that repeats: a colour, a marker, dashes."""
    return values[i % len(values)]


def tidy(panel: Axes, x: str, y: str) -> None:
    """Labels, small ticks, a faint grid, no frame."""
    panel.set_xlabel(x, fontsize=MEDIUM)
    panel.set_ylabel(y, fontsize=MEDIUM)
    panel.tick_params(labelsize=SMALL)
    panel.grid(color="0.92", linewidth=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis: powers of ten; below two decades also 2 and 5 times these, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole_numbers(axis: Axis) -> None:
    """A few ticks at whole numbers, as of steps."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def colour_bar(
    figure: Figure | SubFigure, panels: list[Axes], colours: Colours, pad: float = 0.02, shrink: float = 1.0
) -> None:
    """The multiplier's logarithmic scale beside the panels; nothing if it does not vary."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    if not colours.vary:
        return
    scale = ScalarMappable(LogNorm(colours.low, colours.high), colours.map)
    bar = figure.colorbar(scale, ax=panels, pad=pad, shrink=shrink, aspect=25)
    bar.set_label(" or ".join(mathtext(name) for name in colours.names), fontsize=MEDIUM)
    log_ticks(bar.ax.yaxis, colours.low, colours.high)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)


def write(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write NAME.png and NAME.pdf into the folder. Fonts in the PDF are TrueType, as publishers require."""
    import matplotlib

    files = [folder / f"{name}.png", folder / f"{name}.pdf"]
    lay_out(figure, DPI)
    with matplotlib.rc_context({"pdf.fonttype": 42}), without_shaping():
        for file in files:
            with replacing(file) as part:
                own = {"metadata": {"CreationDate": None}} if file.suffix == ".pdf" else {"pil_kwargs": PNG}
                figure.savefig(part, format=file.suffix[1:], dpi=DPI, **own)
    return files
