"""Common parts of the figures: sizes, axes, colour bar, writing. Matplotlib's objects only, no pyplot."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.quantities.colours import Colours
from ib_cli.system.atomic import replacing
from ib_cli.system.figure_layout import lay_out
from ib_cli.system.pdf_fonts import without_shaping

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, SubFigure

    from ib_cli.report.panels.contents import Contents

DPI = 300
PNG = {"compress_level": 3}  # a few per cent larger than at 6, in half the time
ROOM = 1.05  # of an axis, above its largest value
SMALL, MEDIUM = 7, 8  # points: ticks and legends, labels
WIDTH, HEIGHT = 3.5, 2.6  # inches of a figure with one panel: a column of a paper
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # of the curves, told apart by form beside colour
RUN_MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">")  # of runs, whose ends may be crosses and stars
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#808080")  # Okabe and Ito
DASHES = ("-", "--", ":", "-.")
UNDOTTED: tuple[Any, ...] = ("-", "--", "-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)))  # where dots mean a flag
BASELINE: dict[str, Any] = {"color": "0.45", "ls": "-.", "lw": 1.1}  # the line of a linear Gaussian model
COLUMNS = 3  # panels in a row
KEY, LETTER = 0.55, 0.055  # inches of a legend's line with its mark, and of a letter
PER_CENT = 100.0
MINOR = (2, 5)  # minor ticks of a decade: each of eight would take as long to place as a word
LINE = 0.13  # inches of a line of small words
LETTERS = 20  # of the words below a figure, in an inch
BESIDE = 0.025  # of the axis' width: by so much single runs stand beside their median


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


def look(i: int) -> dict[str, Any]:
    """Colour, dashes and marker of line i. No two of 32 lines have the same dashes and marker."""
    dashes = cycled(DASHES, i + i // len(MARKERS))
    return {"color": cycled(COLOURS, i), "ls": dashes, "marker": cycled(MARKERS, i)}


def above(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend above the panels, in as many columns as its words leave room for; none without handles."""
    if not handles:
        return
    longest = max(len(re.sub(r"\\\w+|[${}\\]", "_", str(handle.get_label()))) for handle in handles)
    columns = int(figure.get_size_inches()[0] / (KEY + LETTER * longest))
    columns = min(max(columns, 1), len(handles))
    grow(figure, LINE * math.ceil(len(handles) / columns))
    place: dict[str, Any] = {"loc": "outside upper center", "ncols": columns, "frameon": False}
    figure.legend(handles=list(handles), fontsize=SMALL, columnspacing=1.2, **place)


def from_zero(panel: Axes) -> None:
    """Start y at 0. Room stays above the curves, also where they hardly change and Matplotlib leaves none."""
    panel.set_ylim(0, ROOM * panel.get_ylim()[1])


def grow(figure: Figure, by: float) -> None:
    """Make a figure taller by so many inches, so that its panels keep their size."""
    wide, tall = figure.get_size_inches()
    figure.set_size_inches(wide, tall + by)


def says(figure: Figure, *words: str) -> None:
    """Words below a figure: the split, what a bar is, what lies outside. Empty ones are left out."""
    width = max(int(LETTERS * figure.get_size_inches()[0]), LETTERS)
    text = textwrap.fill("; ".join(word for word in words if word), width)
    if text:
        grow(figure, LINE * (1 + text.count("\n")))
        figure.supxlabel(literal(text), fontsize=SMALL - 0.5, color="0.3")


def of_split(contents: Contents, split: str | None = None) -> str:
    """`test split`: what the words below a figure begin with."""
    return f"{split or contents.split} split"


def beside(places: np.ndarray, axis: tuple[float, float], number: int = 1) -> np.ndarray:
    """Places a little to the right on an axis between its ends: logarithmic for positive ends; 0 stays."""
    low, high = axis
    if low > 0 and high > low:
        return places * (high / low) ** (BESIDE * number)
    return places + BESIDE * number * (high - low)


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
    axis.set_minor_locator(LogLocator(subs=MINOR))
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
