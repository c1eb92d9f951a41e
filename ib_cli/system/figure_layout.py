"""The layout of a Matplotlib figure, found once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lay_out(figure: Figure, dpi: int) -> None:
    """Place a figure's panels for files of `dpi` dots an inch, and keep them there. To be called in `default_style`.

    `savefig` of a figure with a layout engine, "none" included, draws all of it twice, once only to place it.
    """
    figure.set_dpi(dpi)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
