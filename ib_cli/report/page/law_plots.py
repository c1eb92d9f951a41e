"""The page's plots of the laws."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.figures.laws import error_words
from ib_cli.report.figures.style import COLOURS, cycled
from ib_cli.report.laws.recorded_laws import doubted
from ib_cli.report.laws.relation import Relation
from ib_cli.report.laws.thermodynamics import Thermodynamics
from ib_cli.report.page.plot_parts import RUN_SYMBOLS, SYMBOLS, Plot, diagonal, form, layout, numbers

COMPARED = ("first law", "derivative of J", "Maxwell relation")
SECTION = "Thermodynamics"
LEAST = 1e-6  # smaller relative differences are drawn at this value
SHADES = ("#440154", "#3b528b", "#21918c", "#5ec962", "#b8a500")  # for lines that differ in another multiplier


def law_plots(found: Thermodynamics | None) -> Iterator[Plot]:
    """A plot of relative differences per law, a plot per susceptibility and free rate, and one of recorded laws."""
    if found is None:
        return
    for law in COMPARED:
        if relations := found.of(law):
            yield {"section": SECTION, "split": found.split, **_differences(law, relations)}
    for i, relation in enumerate(found.of("susceptibility", "free rate")):
        yield {"section": SECTION, "split": found.split, **_lines(relation, i)}
    if "predicted" in found.recorded and np.isfinite(found.recorded["predicted"]).any():
        yield {"section": SECTION, **_recorded(found)}


def _differences(law: str, relations: list[Relation]) -> Plot:
    several = len({relation.grid.curve for relation in relations}) > 1
    traces = []
    for i, relation in enumerate(relations):
        shown, symbol = relation.shown & np.isfinite(relation.relative), cycled(SYMBOLS, i)
        for kind, cells in (("", shown & relation.sure), ("-open", shown & ~relation.sure)):
            traces.append({
                "type": "scatter", "mode": "markers", "legendgroup": str(i),
                "showlegend": not kind or not (shown & relation.sure).any(),
                "name": relation.statement + (f", {relation.grid.curve}" if several else ""),
                "x": numbers(relation.grid.at[relation.along][cells]),
                "y": numbers(np.fmax(relation.relative[cells], LEAST)),
                "marker": {"size": 6, "color": cycled(COLOURS, i), "symbol": symbol + kind},
                **_hovers(relation, cells),
            })  # fmt: skip
    names = " or ".join(dict.fromkeys(GREEK.get(relation.along, relation.along) for relation in relations))
    return {
        "id": f"thermodynamics-{law.replace(' ', '-')}",
        "title": f"{law[0].upper()}{law[1:]}: relative difference",
        "note": "|measured − predicted| over the larger of the two. Hollow: the error of finite differences and "
        f"seeds is above 5 % there, as at a transition, or the point uses a run not to be trusted. Below {LEAST:g} "
        f"at {LEAST:g}.",
        "traces": traces,
        "layout": layout(names, "relative difference", xaxis=_axis(relations), yaxis={"type": "log"}, showlegend=True),
    }


def _lines(relation: Relation, i: int) -> Plot:
    answers = relation.law == "susceptibility"
    letter, across = GREEK.get(relation.along, relation.along), relation.grid.at[relation.along]
    lines, traces = list(relation.lines()), []
    for k, (others, cells) in enumerate(lines):
        only = np.zeros(relation.value.shape, dtype=bool)
        only[cells] = relation.shown[cells]
        x, y, error = across[only], relation.value[only], relation.error[only]
        if answers:
            y, error = np.abs(y) * x, error * x
        peaks = np.zeros(len(x), dtype=bool) if relation.peaks is None else relation.peaks[only]
        colour = SHADES[round((len(SHADES) - 1) * k / max(len(lines) - 1, 1))]
        traces.append({
            "type": "scatter", "mode": "lines+markers", "x": numbers(x), "y": numbers(y),
            "name": ", ".join(f"{GREEK[name]} = {value:g}" for name, value in others.items()),
            "error_y": {"type": "data", "array": numbers(error), "thickness": 1, "width": 0, "color": colour},
            "line": {"color": colour, "width": 1, "dash": form(k)[0]}, "showlegend": 1 < len(lines) <= 12,
            "marker": {
                "color": colour,
                "size": [11 if peak else 4 for peak in peaks],
                "symbol": [
                    ("star" if peak else RUN_SYMBOLS[k % len(RUN_SYMBOLS)]) + ("" if trusted else "-open")
                    for peak, trusted in zip(peaks, relation.trusted[only])
                ],
            },
            **_hovers(relation, only),
        })  # fmt: skip
    curve = f" ({relation.grid.curve})"
    return {
        "id": f"thermodynamics-line-{i}",
        "title": f"{letter} |{relation.statement}|{curve}" if answers else relation.statement + curve,
        "note": "A line per value of the other multipliers, dark to light."
        + (" Stars: peaks, the signs of transitions." if answers else "")
        + f" {error_words([relation]).capitalize()}."
        + ("" if relation.trusted.all() else " Hollow: not to be trusted."),
        "traces": traces,
        "layout": layout(letter, "nats", xaxis=_axis([relation])),
    }


def _recorded(found: Thermodynamics) -> Plot:
    known = found.recorded[np.isfinite(found.recorded["predicted"])]
    ends = known[["predicted", "measured"]].to_numpy(dtype=float)
    traces = [diagonal(ends.min(), ends.max())]
    for i, (law, rows) in enumerate(known.groupby("law", sort=False)):
        error = rows["error"].fillna(0.0) if "error" in rows else np.zeros(len(rows))
        traces.append({
            "type": "scatter", "mode": "markers", "name": str(law),
            "x": numbers(rows["predicted"]), "y": numbers(rows["measured"]),
            "error_y": {"type": "data", "array": numbers(error), "thickness": 1, "width": 0},
            "marker": {
                "size": 8,
                "color": cycled(COLOURS, i),
                "symbol": [cycled(SYMBOLS, i) + ("-open" if hollow else "") for hollow in doubted(rows)],
            },
            "text": [escape(f"{study}/{run}", quote=False) for study, run in zip(rows["study"], rows["run"])],
            "hovertemplate": "%{text}<br>predicted %{x:.4g}, measured %{y:.4g}<extra></extra>",
        })  # fmt: skip
    log = bool(ends.min() > 0 and ends.max() > 10 * ends.min())
    axes = {"xaxis": {"type": "log"}, "yaxis": {"type": "log"}} if log else {}
    return {
        "id": "thermodynamics-recorded",
        "title": "What runs measured of the laws themselves",
        "note": "On the dashed line a law holds. Bars: the run's own standard error. Hollow: not to be trusted.",
        "traces": traces,
        "layout": layout("predicted", "measured", showlegend=True, **axes),
    }


def _hovers(relation: Relation, cells: np.ndarray) -> dict[str, Any]:
    """Hover texts: multipliers of each mark, both sides of the relation, and the error."""
    at = {GREEK[name]: values[cells] for name, values in relation.grid.at.items()}
    sides = zip(relation.prediction[cells], relation.value[cells], relation.error[cells])
    texts = []
    for k, (predicted, measured, error) in enumerate(sides):
        where = ", ".join(f"{name} = {values[k]:g}" for name, values in at.items())
        expected = f"predicted {predicted:.4g}, " if np.isfinite(predicted) else ""
        texts.append(f"{where}<br>{expected}measured {measured:.4g}, error {error:.2g}")
    return {"text": texts, "hovertemplate": f"{relation.statement}<br>%{{text}}<extra></extra>"}


def _axis(relations: list[Relation]) -> dict[str, Any]:
    positive = all((relation.grid.at[relation.along] > 0).all() for relation in relations)
    return {"type": "log"} if positive else {}
