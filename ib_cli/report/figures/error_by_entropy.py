"""Error rate against the entropy of a latent that was scaled during training (Unpacking, Fig. 4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.error_by_entropy import BOUND, error_curves
from ib_cli.system.per_cent import show_per_cent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINEAR = 1.0  # nats on either side of 0 where the axis is linear
BELOW = -0.02  # lower end of the error axis, so that an error of 0 is visible
DASHES = {"train": "-", "validation": ":", "test": "--"}


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`error_by_entropy`: a line per run over its epochs, in its curve's colour, on train and on the report's split.

    A run starts at large entropies, where it learns, and continues to smaller ones.
    """
    found = error_curves(contents)
    if not found:
        return []
    figure, (panel,) = style.new()
    looks = {curve: _look(number) for number, curve in enumerate(dict.fromkeys(line.curve for line in found))}
    k = contents.scale(BOUND)
    for line in found:
        look = looks[line.curve]
        look = look | {"mfc": "white", "mew": 0.6}  # hollow, as log_Var[Z] is a bound
        own = look if line.split == "train" else {"color": look["color"], "alpha": 0.6}
        panel.plot(line.entropy * k, line.error, ls=DASHES[line.split], lw=0.9, **own)
    panel.set_xscale("symlog", linthresh=LINEAR * k)
    panel.set_ylim(BELOW, None)
    style.tidy(panel, f"entropy of the latent, bound {mathtext(BOUND)} ({contents.units})", "error rate (%)")
    show_per_cent(panel.yaxis)
    _legends(figure, panel, looks, [split for split in DASHES if any(line.split == split for line in found)])
    splits = dict.fromkeys(line.split for line in found)
    style.says(figure, style.of_split(contents, " and ".join(splits)), "a line per run, hollow = bound")
    return style.write(figure, folder, "error_by_entropy")


def _look(number: int) -> dict[str, Any]:
    return {"color": style.cycled(style.COLOURS, number), "marker": style.cycled(style.MARKERS, number), "ms": 2.8}


def _legends(figure: Figure, panel: Axes, looks: dict[str, dict[str, Any]], splits: list[str]) -> None:
    """Several curves above the panel, as their names are long; several splits inside it."""
    from matplotlib.lines import Line2D

    small = {"fontsize": style.SMALL, "frameon": False}
    if len(looks) > 1:
        named = [Line2D([], [], label=literal(text), lw=0.9, **look) for text, look in looks.items()]
        figure.legend(handles=named, loc="outside upper left", **small)
    if len(splits) > 1:
        panel.legend(handles=[Line2D([], [], label=of, lw=0.9, color="0.35", ls=DASHES[of]) for of in splits], **small)
