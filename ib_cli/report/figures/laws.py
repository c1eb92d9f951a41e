"""The laws of TherML as measured, a picture per law."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import GREEK, literal, mathtext
from ib_cli.report.figures import style
from ib_cli.report.laws.recorded_laws import doubted
from ib_cli.report.laws.relation import Relation
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.spread import number_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

COMPARED = {"first law": "first_law", "derivative of J": "derivatives_of_J", "Maxwell relation": "maxwell"}
NAMED = 6  # lines of a panel in its legend; of more lines, every second, third, …
COLUMNS = 3
LETTERS = 72  # per row of a legend
FEW = 40  # points of a relation: more bars hide one another
LEAST = 1e-6  # smaller relative differences are drawn at this value
SMALLEST = 1e-9  # relative violations: the axis is linear below this


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`thermodynamics_*`: a figure per measured law."""
    found = contents.thermodynamics
    if found is None:
        return []
    files: list[Path] = []
    for law, name in COMPARED.items():
        if relations := found.of(law):
            files += _compared(relations, folder, name, found.split)
    if relations := found.of("susceptibility"):
        files += _along(relations, folder, "susceptibilities", found.split)
    if relations := found.of("convexity"):
        files += _violations(relations, folder, found.split)
    if relations := found.of("free rate"):
        files += _along(relations, folder, "free_rate", found.split)
    if not found.recorded.empty:
        files += _recorded(found.recorded, folder)
    return files


def _compared(relations: list[Relation], folder: Path, name: str, split: str) -> list[Path]:
    """Measured against predicted; relative difference against the multiplier. Hollow marks: not sure."""
    figure, (left, right) = style.new(2)
    figure.set_size_inches(6.6, 2.9 + 0.14 * math.ceil(len(relations) / 2))
    ends = []
    for i, relation in enumerate(relations):
        shown = relation.shown & np.isfinite(relation.difference)
        x, y = np.abs(relation.prediction[shown]), np.abs(relation.value[shown])
        sure = relation.sure[shown]
        across = relation.grid.at[relation.along][shown]
        relative = np.fmax(relation.relative[shown], LEAST)
        for panel, a, b in ((left, x, y), (right, across, relative)):
            _marks(panel, a, b, sure, i)
        ends += [*x[x > 0], *y[y > 0]]
        colour, marker = _look(i)
        if len(x) <= FEW:
            error = relation.error[shown]
            bars = np.stack([np.minimum(error, (1 - LEAST) * y), error])  # the axis is logarithmic
            left.errorbar(x, y, bars, fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.6, zorder=1.5)
        left.plot([], [], marker, color=colour, ms=3.5, label=_text(relation, relations))
    left.plot([min(ends), max(ends)], [min(ends), max(ends)], "--", color="0.35", lw=0.8, zorder=1)
    for panel in (left, right):
        panel.set(xscale="log", yscale="log")
        for axis, span in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim())):
            style.log_ticks(axis, *span)
    style.tidy(left, "predicted (absolute)", "measured (absolute)")
    style.tidy(right, _names(relations), "relative difference")
    left.plot([], [], "o", color="0.45", mfc="white", ms=3.5, label=_hollow(relations))
    _legend(figure, left)
    few = any(relation.shown.sum() <= FEW for relation in relations)
    words = error_words(relations) if few else ""
    style.says(figure, f"{split} split", "amounts in nats", words, f"below {LEAST:g} at {LEAST:g}")
    return style.write(figure, folder, f"thermodynamics_{name}")


def error_words(relations: list[Relation]) -> str:
    """What the bars of relations are: errors of finite differences, and of how many seeds."""
    seeds = {relation.measured.shape[1] - 1 for relation in relations}
    of = f" and of seeds, {number_words(seeds)}" if max(seeds) > 1 else ""
    return f"bar = error of finite differences{of}"


def _hollow(relations: list[Relation]) -> str:
    doubted = any(not relation.trusted.all() for relation in relations)
    return "hollow: error above 5 %" + (", or uses a run not to be trusted" if doubted else "")


def _marks(panel: Axes, x: np.ndarray, y: np.ndarray, sure: np.ndarray, i: int) -> None:
    colour, marker = _look(i)
    panel.plot(x[~sure], y[~sure], marker, color=colour, mfc="white", mew=0.6, ms=3, alpha=0.7, zorder=2)
    panel.plot(x[sure], y[sure], marker, color=colour, mew=0, ms=3, zorder=3)


def _along(relations: list[Relation], folder: Path, name: str, split: str) -> list[Path]:
    """A panel per relation, a line per value of the other multipliers. Susceptibilities are times the multiplier."""
    columns = min(len(relations), COLUMNS)
    figure, panels = style.new(columns, math.ceil(len(relations) / columns))
    for panel, relation in zip(panels, relations):
        _lines(panel, relation)
        if len({relation.grid.curve for relation in relations}) > 1:
            panel.set_title(literal(relation.grid.curve), fontsize=style.MEDIUM)
    for panel in panels[len(relations) :]:
        panel.set_visible(False)
    style.says(figure, f"{split} split", error_words(relations))
    return style.write(figure, folder, f"thermodynamics_{name}")


def _lines(panel: Axes, relation: Relation) -> None:
    from matplotlib import colormaps

    answers = relation.law == "susceptibility"
    across, lines = relation.grid.at[relation.along], list(relation.lines())
    for i, (others, cells) in enumerate(lines):
        colour = colormaps["viridis"](0.93 * i / max(len(lines) - 1, 1))
        shown = relation.shown[cells]
        x, y = across[cells][shown], relation.value[cells][shown]
        error = relation.error[cells][shown]
        if answers:
            y, error = np.abs(y * x), error * np.abs(x)
        named = others and i % math.ceil(len(lines) / NAMED) == 0
        words = ", ".join(f"{GREEK[name]} = {value:g}" for name, value in others.items()) if named else None
        form = style.look(i) | {"color": colour}
        panel.errorbar(x, y, error, lw=0.8, ms=2, elinewidth=0.5, label=words, **form)
        hollow = ~relation.trusted[cells][shown]
        if hollow.any():
            text = "hollow: not to be trusted" if i == 0 else None
            own = {"marker": form["marker"], "ls": "none", "color": colour}
            panel.plot(x[hollow], y[hollow], mfc="white", mew=0.6, ms=3, zorder=3, label=text, **own)
        if relation.peaks is not None:
            peaks = relation.peaks[cells][shown]
            panel.plot(x[peaks], y[peaks], "*", color=colour, ms=7, mec="black", mew=0.4, zorder=4)
    if (across > 0).all():
        panel.set_xscale("log")
        style.log_ticks(panel.xaxis, float(across.min()), float(across.max()))
    elif across.max() > 0:  # 0 has its place at the left
        panel.set_xscale("symlog", linthresh=float(across[across > 0].min()))
    letter = GREEK.get(relation.along, relation.along)
    style.tidy(panel, letter, f"{letter} |{relation.statement}| (nats)" if answers else f"{relation.statement} (nats)")
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=style.SMALL - 2, framealpha=0.7, edgecolor="none")


def _violations(relations: list[Relation], folder: Path, split: str) -> list[Path]:
    """Violations of convexity relative to the quantity's extent; 0 if the law holds."""
    relations = [each for each in relations if (each.shown & np.isfinite(each.relative)).any()]
    if not relations:  # a single point has no extent
        return []
    figure, (panel,) = style.new()
    figure.set_size_inches(style.WIDTH + 1, style.HEIGHT + 0.15 * len(relations))
    for i, relation in enumerate(relations):
        shown = relation.shown & np.isfinite(relation.relative)
        across = relation.grid.at[relation.along][shown]
        colour, marker = _look(i)
        beyond = relation.difference[shown] > 2 * relation.error[shown] + SMALLEST * (relation.scale or 1.0)
        text = f"{_text(relation, relations)}: {int(beyond.sum())} of {int(shown.sum())} violate it"
        trusted, relative = relation.trusted[shown], relation.relative[shown]
        if not trusted.all():
            text += f"; hollow: {int((~trusted).sum())} not to be trusted"
        _marks(panel, across, relative, trusted, i)
        panel.plot([], [], marker, color=colour, ms=3, label=text)
    panel.set_yscale("symlog", linthresh=SMALLEST)
    panel.set_ylim(bottom=-SMALLEST / 2, top=max(panel.get_ylim()[1], 10 * SMALLEST))
    if all((relation.grid.at[relation.along] > 0).all() for relation in relations):
        panel.set_xscale("log")
        style.log_ticks(panel.xaxis, *panel.get_xlim())
    style.tidy(panel, _names(relations), "violation / extent")
    _legend(figure, panel, 1)
    style.says(figure, f"{split} split", "a share of the quantity's extent, no units")
    return style.write(figure, folder, "thermodynamics_convexity")


def _recorded(table: DataFrame, folder: Path) -> list[Path]:
    """Values that runs measured themselves against their predictions."""
    if "predicted" not in table or not np.isfinite(table["predicted"]).any():
        return []
    figure, (panel,) = style.new()
    known = table[np.isfinite(table["predicted"])]
    both = known[["predicted", "measured"]].to_numpy(dtype=float)
    for i, (law, rows) in enumerate(known.groupby("law", sort=False)):
        colour, marker = _look(i)
        error = rows["error"].fillna(0.0) if "error" in rows else None
        look: dict[str, Any] = {"color": colour, "ms": 3.5, "elinewidth": 0.8}
        panel.errorbar(rows["predicted"], rows["measured"], error, fmt="none", **look)
        for hollow, part in rows.groupby(doubted(rows), sort=True):
            name = mathtext(str(law)) + (", not to be trusted" if hollow else "")
            face: dict[str, Any] = {"markerfacecolor": "white"} if hollow else {}
            panel.plot(part["predicted"], part["measured"], marker, label=name, color=colour, ms=3.5, **face)
    ends = [both.min(), both.max()]
    panel.plot(ends, ends, "--", color="0.35", lw=0.8, zorder=1)
    if both.min() > 0 and both.max() > 10 * both.min():
        panel.set(xscale="log", yscale="log")
    style.tidy(panel, "predicted", "measured")
    panel.legend(fontsize=style.SMALL - 1, frameon=False)
    bars = "bar = the run's own standard error" if "error" in known and known["error"].notna().any() else ""
    style.says(figure, "as the runs wrote them, amounts in nats", bars)
    return style.write(figure, folder, "thermodynamics_recorded")


def _look(i: int) -> tuple[str, str]:
    return style.cycled(style.COLOURS, i), style.cycled(style.MARKERS, i)


def _text(relation: Relation, among: list[Relation]) -> str:
    several = len({other.grid.curve for other in among}) > 1
    return relation.statement + (f", {literal(relation.grid.curve)}" if several else "")


def _names(relations: list[Relation]) -> str:
    return " or ".join(dict.fromkeys(GREEK.get(relation.along, relation.along) for relation in relations))


def _legend(figure: Figure, panel: Axes, columns: int = 2) -> None:
    handles, texts = panel.get_legend_handles_labels()
    texts = [textwrap.fill(text, LETTERS // columns) for text in texts]
    place = {"loc": "outside upper left", "ncols": columns}
    figure.legend(handles, texts, fontsize=style.SMALL - 0.5, frameon=False, **place)
