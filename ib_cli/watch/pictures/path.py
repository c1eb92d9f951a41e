"""The picture of one run's path on the equilibrium surface: where it went, and what it kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.labels import is_fraction, label, mathtext
from ib_cli.system.per_cent import show_per_cent
from ib_cli.watch.pictures.curves import MEDIUM, SMALL, STYLES, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = "path_step"
MAXWELL = "maxwell"
COUNTED = (STEP, "epoch")
COLUMNS = 3
MARKED = 40  # a line of more steps has no room for markers
TEXTS = {
    STEP: "steps",
    "epoch": "epoch",
    MAXWELL: r"$\partial C/\partial\lambda-\partial D/\partial\gamma$ (nats)",
}


def path_pictures(lines: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draws the path in lines of metrics.jsonl, those with a `path_step`, as a PNG that replaces `file`.

    Panels, where measured: distortion against rate, γ against λ, F, C and the accuracy against the steps, a line a
    split; and the residual of Maxwell's relation on the train split with its standard errors. Rings are the start.
    Where the run recorded epochs between two steps, an equilibration: F, R and C over the epochs. Nothing without two
    steps.
    """
    from matplotlib.figure import Figure

    steps = [line for line in lines if line.get(STEP) is not None]
    if len({line[STEP] for line in steps}) < 2:
        return
    since = lines[lines.index(steps[0]) :]
    between = len(since) > len(steps)
    lines, pairs = (since, [("epoch", name) for name in ("F", "R", "C")]) if between else (steps, _pairs(steps))
    pairs = [pair for pair in pairs if any(_points(lines, split, *pair) for split in STYLES)]
    if not pairs:
        return
    columns = min(len(pairs), COLUMNS)
    rows = math.ceil(len(pairs) / columns)
    figure = Figure(figsize=(2.4 * columns + 0.2, 1.9 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, (x, y) in zip(panels, pairs):
        _panel(panel, lines, x, y)
    for panel in panels[len(pairs) :]:
        panel.set_visible(False)
    panels[0].legend(fontsize=SMALL, frameon=False)
    write(figure, file)


def _pairs(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The axes of a path's panels."""
    distortion = "D_error" if any("D_error" in line for line in lines) else "D"
    over_steps = [(STEP, name) for name in ("F", "C", "accuracy", MAXWELL)]
    return [("R", distortion), ("lambda", "gamma"), *over_steps]


def _points(lines: Sequence[Mapping[str, Any]], split: str, x: str, y: str) -> list[tuple[float, float]]:
    """The split's finite values of two measures."""
    chosen = [line for line in lines if line["split"] == split and _finite(line.get(x)) and _finite(line.get(y))]
    return [(float(line[x]), float(line[y])) for line in chosen]


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _panel(panel: Axes, lines: Sequence[Mapping[str, Any]], x: str, y: str) -> None:
    from matplotlib.ticker import MaxNLocator

    splits = {split: points for split in STYLES if (points := _points(lines, split, x, y))}
    if x == "lambda":  # the same for every split
        splits = dict(list(splits.items())[:1])
    for split, points in splits.items():
        style = STYLES[split] | ({"markersize": 2} if len(points) <= MARKED else {"marker": ""})
        panel.plot(*zip(*points), label=split, linewidth=1.2, **style)
        if x not in COUNTED:
            panel.plot(*points[0], "o", color=style["color"], mfc="white", markersize=5)
    if y == "C":
        panel.set_ylim(bottom=0)  # by how much it changes is to be seen
    if y == MAXWELL:
        _errors(panel, lines)
    panel.set_xlabel(TEXTS.get(x) or _text(x), fontsize=MEDIUM)
    panel.set_ylabel(TEXTS.get(y) or _text(y), fontsize=MEDIUM)
    if is_fraction(y):
        show_per_cent(panel.yaxis)
    panel.tick_params(labelsize=SMALL)
    if x in COUNTED:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    panel.grid(color="0.9", linewidth=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _text(measure: str) -> str:
    return mathtext(measure) if measure in ("lambda", "gamma") else label(measure, "nats")


def _errors(panel: Axes, lines: Sequence[Mapping[str, Any]]) -> None:
    """Bars of one standard error, and the line of the law."""
    names = (STEP, MAXWELL, f"{MAXWELL}_stderr")
    known = [[line[name] for name in names] for line in lines if all(_finite(line.get(name)) for name in names)]
    if known:
        at, values, errors = zip(*known)
        panel.errorbar(at, values, errors, fmt="none", ecolor=STYLES["train"]["color"], elinewidth=0.7)
    panel.axhline(0, color="0.35", linestyle=":", linewidth=0.9)
