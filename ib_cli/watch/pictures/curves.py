"""The pictures of one run: training curves, and images or vectors beside their reconstructions.

Matplotlib is imported within functions, as the import takes a second. pyplot is not used, as it is global state.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ib_cli.contracts import labels
from ib_cli.system.atomic import replacing
from ib_cli.system.figure_layout import lay_out
from ib_cli.system.per_cent import show_per_cent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 200
PNG = {"compress_level": 3}  # a few per cent larger than at 6, in half the time
SMALL, MEDIUM = 7, 8  # points: ticks and legends, labels
# Colours that the colour-blind can tell apart (Okabe and Ito 2008), and lines that differ in grey prints.
STYLES = {
    "train": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "test": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    "validation": {"color": "#009E73", "linestyle": ":", "marker": "^"},
}
ALWAYS = ("J", "R", "C", "D")  # drawn where measured; the objective's other functionals follow, then the accuracy
MARKED_EPOCHS = 20  # a line of more points has no room for markers
COLUMNS = 3  # panels side by side
SAMPLES = 10  # images side by side
PITCH = 1.06  # from one image to the next, in images
BARS = 20  # a vector with more features is drawn as a line


def training_curves(lines: list[dict[str, Any]], file: Path, lagrangian: str, evaluated: bool = False) -> None:
    """Draws the measures in `lines` of metrics.jsonl over the epochs, one panel each, as a PNG that replaces `file`.

    Panels are J, R, C, D, the other functionals in `lagrangian`, and accuracy or mse, if they were measured. Nothing is
    written if none was. `evaluated`: the train lines are evaluations too, not averages of the training.
    """
    from matplotlib.figure import Figure

    names = panels(lines, lagrangian)
    if not names:
        return
    columns = 2 if len(names) == 4 else min(len(names), COLUMNS)
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(2.4 * columns + 0.2, 1.9 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    splits = [split for split in STYLES if any(line["split"] == split for line in lines)]
    for panel, name in zip(axes, names):
        for split in splits:
            averaged = split == "train" and not evaluated  # averages under noise and moving parameters
            _curve(panel, lines, split, name, f"{split}, while training" if averaged else split)
        _label(panel, name)
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    figure.suptitle(f"minimised: {lagrangian}", fontsize=MEDIUM, parse_math=False)
    axes[0].legend(fontsize=SMALL, frameon=False)
    write(figure, file)


def panels(lines: Sequence[Mapping[str, Any]], lagrangian: str) -> list[str]:
    """The measures that the training curves show, in order."""
    measured = dict.fromkeys(
        name
        for line in lines
        for name in line
        if name not in ("epoch", "step", "split") and _value(line, name) is not None
    )
    minimised = [name for name in measured if re.search(rf"(?<![\w\[|]){re.escape(name)}(?![\w\[|\]])", lagrangian)]
    return [name for name in dict.fromkeys((*ALWAYS, *minimised, "accuracy", "mse")) if name in measured]


def image_grid(rows: list[Tensor], file: Path, titles: list[str], interval: tuple[float, float] | None = None) -> None:
    """Draws rows of samples, one below the other, as a PNG that replaces `file`.

    Each row holds the same number n of images (n, C, H, W) or vectors (n, F); vectors become bars or lines. `titles`
    name the rows. `interval` holds the values for black and white; None: the smallest and largest that occur. After
    10 samples, all rows continue in a further block below.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = [row.detach().float().cpu() for row in rows]
    images = rows[0].dim() == 4
    low, high = interval or _extent(rows)
    n = len(rows[0])
    columns = min(n, SAMPLES)
    strips = [
        (title, row[first : first + columns]) for first in range(0, n, columns) for title, row in zip(titles, rows)
    ]
    height, width = rows[0].shape[-2:] if images else (3, 4)
    cell = min(0.7, 6.4 / columns)  # inches
    size = (cell * columns + 0.9, max(cell * height / width * len(strips), 0.4) + 0.1)
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=size, layout=layout)
    named = [title if len(rows) > 1 or i == 0 else "" for i, (title, _) in enumerate(strips)]  # one row: only once
    samples = [some for _, some in strips]
    if images:
        _image_strips(figure.subplots(), named, samples, columns, (low, high))
    else:
        _vector_strips(figure.subplots(len(strips), columns, squeeze=False), named, samples, (low, high))
    write(figure, file)


def _value(line: Mapping[str, Any], name: str) -> float | None:
    value = line.get(name)
    return float(value) if isinstance(value, Real) else None


def _curve(panel: Axes, lines: Sequence[Mapping[str, Any]], split: str, name: str, label: str) -> None:
    points = [(line["epoch"], _value(line, name)) for line in lines if line["split"] == split]
    points = [(epoch, value if math.isfinite(value) else math.nan) for epoch, value in points if value is not None]
    style: dict[str, Any] = STYLES[split] | ({} if len(points) <= MARKED_EPOCHS else {"marker": ""})
    epochs, values = zip(*points) if points else ((), ())
    panel.plot(epochs, values, label=label, linewidth=1.2, markersize=3, **style)


def _label(panel: Axes, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_xlabel("epoch", fontsize=MEDIUM)
    panel.set_ylabel(labels.label(name, "nats"), fontsize=MEDIUM)
    if labels.is_fraction(name):
        show_per_cent(panel.yaxis)
    panel.tick_params(labelsize=SMALL)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    panel.grid(color="0.9", linewidth=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    epochs = {epoch for line in panel.lines for epoch in np.asarray(line.get_xdata())}
    if len(epochs) == 1:
        panel.set_xlim(min(epochs) - 1, max(epochs) + 1)
    if not any(math.isfinite(value) for line in panel.lines for value in np.asarray(line.get_ydata())):
        panel.set_yticks([])
        panel.text(0.5, 0.5, "not finite", transform=panel.transAxes, ha="center", va="center", fontsize=SMALL)


def _extent(rows: Sequence[Tensor]) -> tuple[float, float]:
    values = torch.cat([row[row.isfinite()] for row in rows])
    return (values.min().item(), values.max().item()) if len(values) else (0.0, 1.0)


def _image_strips(
    panel: Axes, titles: list[str], strips: list[Tensor], columns: int, interval: tuple[float, float]
) -> None:
    """All images in one panel: a panel each would take Matplotlib ten times as long."""
    height, width = strips[0].shape[-2:]
    for i, (title, samples) in enumerate(zip(titles, strips)):
        top = -i * height * PITCH
        for j, sample in enumerate(samples):
            left = j * width * PITCH
            _image(panel, sample, *interval, (left, left + width, top - height, top))
        panel.text(-0.1 * width, top - height / 2, title, ha="right", va="center", fontsize=SMALL, parse_math=False)
    panel.set(xlim=(0, columns * width * PITCH), ylim=(-len(strips) * height * PITCH, 0), aspect="equal")
    panel.axis("off")


def _vector_strips(axes: np.ndarray, titles: list[str], strips: list[Tensor], interval: tuple[float, float]) -> None:
    for panels_of_strip, title, samples in zip(axes, titles, strips):
        for panel in panels_of_strip:
            panel.set(xticks=[], yticks=[])
            panel.axis("off")
        for panel, sample in zip(panels_of_strip, samples):
            _vector(panel, sample, *interval)
        _title(panels_of_strip[0], title)


def _image(panel: Axes, image: Tensor, low: float, high: float, extent: tuple[float, float, float, float]) -> None:
    """Colour for three channels, grey for any other number; values that are not finite are black."""
    scaled = ((image - low) / ((high - low) or 1.0)).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1)
    pixels = scaled.permute(1, 2, 0) if len(scaled) == 3 else scaled.mean(0)
    panel.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)


def _vector(panel: Axes, vector: Tensor, low: float, high: float) -> None:
    values = vector.where(vector.isfinite(), torch.nan).numpy()
    panel.axhline(0, color="0.7", linewidth=0.5)
    color = STYLES["train"]["color"]
    if len(values) <= BARS:
        panel.bar(range(len(values)), values, color=color, width=0.8)
    else:
        panel.plot(values, color=color, linewidth=0.7)
    low, high = min(low, 0.0), max(high, 0.0)
    margin = 0.05 * (high - low) or 1.0
    panel.set_ylim(low - margin, high + margin)


def _title(panel: Axes, title: str) -> None:
    panel.text(-0.1, 0.5, title, transform=panel.transAxes, ha="right", va="center", fontsize=SMALL, parse_math=False)


def write(figure: Figure, file: Path) -> None:
    """Write a picture as a whole: a kill leaves no half-written one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    lay_out(figure, DPI)
    with replacing(file) as part:
        figure.savefig(part, format="png", dpi=DPI, pil_kwargs=PNG)
