"""Where in the image layers of noise let information through (Information Dropout, Figs. 2 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_layers import Measured, measured, split_of

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 3  # layers from the input up, as in the paper
MOST_ROWS = 8
SIDE = 1.15  # inches of a map
BOX: dict[str, Any] = {"edgecolor": "#E69F00", "facecolor": "none", "linewidth": 0.8}


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`kl_maps`: the first input, a row for each β, a column for each of the first three layers.

    `kl_maps_more`: the other inputs. A map is KL summed over channels with the noise off, less its minimum, on a scale
    of its own; its largest value is written below.
    """
    rows = _rows(contents)
    if not rows:
        return []
    k, count = contents.scale("KL"), len(rows[0].layers.numbers)
    written = style.write(_figure(rows, [0], k, contents.units), folder, "kl_maps")
    if count > 1:
        written += style.write(_figure(rows, range(1, count), k, contents.units), folder, "kl_maps_more")
    return written


def _rows(contents: Contents) -> list[Measured]:
    """A run for each curve and β that has maps of the same inputs as the first."""
    found: dict[tuple[str, float], Measured] = {}
    for each in measured(contents):
        if each.layers.maps and each.layers.inputs is not None:
            found.setdefault((each.curve, each.beta), each)
    rows = list(found.values())
    return [each for each in rows if each.layers.numbers == rows[0].layers.numbers][:MOST_ROWS]


def _figure(rows: Sequence[Measured], inputs: Sequence[int], k: float, units: str) -> Figure:
    from matplotlib.figure import Figure

    columns = max(min(len(each.layers.maps), SHOWN) for each in rows)
    size = SIDE * (columns + 1) * len(inputs) + 0.5, SIDE * 1.18 * len(rows) + 0.3
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(rows), (columns + 1) * len(inputs), squeeze=False)
    several = len({each.curve for each in rows}) > 1
    for each, line in zip(rows, panels):
        beta = f"{mathtext('beta')} = {each.beta:g}" if each.beta == each.beta else ""
        line[0].set_ylabel(f"{literal(each.curve)}\n{beta}" if several else beta, fontsize=style.MEDIUM)
        for number, i in enumerate(inputs):
            _line(line[number * (columns + 1) : (number + 1) * (columns + 1)], each, i, k)
    for number in range(len(inputs)):
        titles = ["input", *list(rows[0].layers.maps)[:columns]]
        for panel, title in zip(panels[0][number * (columns + 1) :], titles):
            panel.set_title(title, fontsize=style.MEDIUM)
    style.says(figure, split_of(rows), f"numbers: largest KL of a place, less the least ({units})")
    return figure


def _line(panels: Sequence[Axes], each: Measured, i: int, k: float) -> None:
    """An input and its maps."""
    layers = each.layers
    assert layers.inputs is not None  # `_rows` has these only
    image, box = layers.inputs[i], None if layers.boxes is None else layers.boxes[i]
    _show(panels[0], image, box, image.shape[-2:])
    for panel, values in zip(panels[1:], list(layers.maps.values())[:SHOWN]):
        above = (values[i] - values[i].min()) * k
        panel.imshow(above, cmap="viridis")
        _frame(panel, box, image.shape[-2:], above.shape)
        panel.set_xlabel(f"{above.max():.3g}", fontsize=style.SMALL, labelpad=2)


def _show(panel: Axes, image: np.ndarray, box: np.ndarray | None, size: tuple[int, ...]) -> None:
    """An image (channels, height, width) of any range; grey for one channel, the mean of others than three."""
    low, high = image.min(), image.max()
    scaled = (image.astype(float) - low) / max(float(high) - float(low), 1e-12)
    if len(image) == 3:
        panel.imshow(scaled.transpose(1, 2, 0))
    else:
        panel.imshow(scaled.mean(0), cmap="gray")
    _frame(panel, box, size, size)


def _frame(panel: Axes, box: np.ndarray | None, size: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """No ticks, and the box in the coordinates of a map of this shape."""
    from matplotlib.patches import Rectangle

    panel.set_xticks([])
    panel.set_yticks([])
    if box is not None:
        down, across = shape[0] / size[0], shape[1] / size[1]
        corner = box[1] * across - 0.5, box[0] * down - 0.5
        panel.add_patch(Rectangle(corner, box[3] * across, box[2] * down, **BOX))
