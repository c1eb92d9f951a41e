"""Error rate against the entropy of the latent, of runs that trained while it was scaled (Unpacking, Fig. 4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import mathtext
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.error_by_entropy import BOUND, courses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINEAR = 1.0  # nats on either side of 0 where the axis is linear
BELOW = -0.02  # where the axis of the error begins, so that an error of 0 is seen
DASHES = {"train": "-", "validation": ":", "test": "--"}


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`error_by_entropy`: a line per run over its epochs in its curve's colour, of train and of the report's split.

    A run begins where it learns and goes on to smaller entropies.
    """
    found = courses(contents)
    if not found:
        return []
    figure, (panel,) = style.new()
    looks = {curve: _look(number) for number, curve in enumerate(dict.fromkeys(course.curve for course in found))}
    k = contents.scale(BOUND)
    for course in found:
        look = looks[course.curve]
        own = look if course.split == "train" else {"color": look["color"], "alpha": 0.6}
        panel.plot(course.entropy * k, course.error, ls=DASHES[course.split], lw=0.9, **own)
    panel.set_xscale("symlog", linthresh=LINEAR)
    panel.set_ylim(BELOW, None)
    style.tidy(panel, f"entropy of the latent, bound {mathtext(BOUND)} ({contents.units})", "error rate")
    _legends(figure, panel, looks, [split for split in DASHES if any(course.split == split for course in found)])
    return style.write(figure, folder, "error_by_entropy")


def _look(number: int) -> dict[str, Any]:
    colour, marker = (each[number % len(each)] for each in (style.COLOURS, style.MARKERS))
    return {"color": colour, "marker": marker, "ms": 2.5}


def _legends(figure: Figure, panel: Axes, looks: dict[str, dict[str, Any]], splits: list[str]) -> None:
    """The curves above the panel, as their names are long, and the splits in it, where there are several."""
    from matplotlib.lines import Line2D

    small = {"fontsize": style.SMALL, "frameon": False}
    if len(looks) > 1:
        named = [Line2D([], [], label=text, lw=0.9, **look) for text, look in looks.items()]
        figure.legend(handles=named, loc="outside upper left", **small)
    if len(splits) > 1:
        panel.legend(handles=[Line2D([], [], label=of, lw=0.9, color="0.35", ls=DASHES[of]) for of in splits], **small)
