"""A figure's layout, found once, is the one that Matplotlib finds as it saves."""

from __future__ import annotations

from io import BytesIO

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ib_cli.system.figure_layout import lay_out
from ib_cli.system.matplotlib_import import default_style


def figure(layout: str | None) -> Figure:
    made = Figure(figsize=(3, 2), layout=layout)
    FigureCanvasAgg(made)
    left, right = made.subplots(1, 2)
    left.set(xlabel="epoch", ylabel="R\n(nats)")
    right.plot([0, 1], [1e-4, 2e4])
    made.suptitle("minimised")
    return made


@pytest.mark.parametrize("layout", ["constrained", None])
def test_panels_lie_where_saving_puts_them_and_are_drawn_once(layout: str | None, monkeypatch) -> None:
    drawn: list[Axes] = []
    draw, expected, found = Axes.draw, BytesIO(), BytesIO()
    with default_style():
        peer, ours = figure(layout), figure(layout)
        peer.savefig(expected, dpi=200)
        monkeypatch.setattr(Axes, "draw", lambda self, renderer: (drawn.append(self), draw(self, renderer))[1])
        lay_out(ours, 200)
        ours.savefig(found, dpi=200)
    assert len(drawn) == 2 and found.getvalue() == expected.getvalue()
    assert [panel.get_position().bounds for panel in ours.axes] == [panel.get_position().bounds for panel in peer.axes]
