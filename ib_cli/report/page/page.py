"""A self-contained HTML page with plots, tables and config. It needs no network; its tables need no JavaScript."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from itertools import repeat
from numbers import Real
from typing import TYPE_CHECKING, Any

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.contracts.labels import GREEK, in_order
from ib_cli.report.page.playback import playback
from ib_cli.report.page.plot_parts import Plot, point_texts
from ib_cli.report.page.plots import plots
from ib_cli.report.page.study_lines import study_lines
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.frontier import DISTANCES
from ib_cli.report.read.origins import origins
from ib_cli.report.read.paths import SUMMARY
from ib_cli.report.read.tables import FLAGGED, converted, cosmetic
from ib_cli.report.read.words import is_missing
from ib_cli.watch.screen import number

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_VALUES = 12  # listed values of a differing config key; further ones are counted
MOST_MEASURES = 12


def page(contents: Contents, title: str, notes: Sequence[str] = (), refresh: float | None = None) -> str:
    """The page as text. `refresh`: seconds between reloads by the browser, while a study runs."""
    from jinja2 import Environment

    drawn = plots(contents)
    table = converted(contents.results, contents.units, own=contents.own)
    values = {
        "title": title,
        "css": _asset("page.css"),
        "script": _asset("page.js"),
        "playback": _asset("playback.js"),
        "plotly": _plotly(),
        "refresh": refresh,
        "counts": Counter(run.status for run in contents.runs),
        "split": contents.split,
        "units": contents.units,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "studies": study_lines(contents.runs),
        "notes": notes,
        "sections": _sections(drawn),
        "problems": _problems(contents),
        "tables": [_runs_table(contents, table), *_frontier_tables(contents), *_law_tables(contents)],
        "differences": _differences(contents),
        "shared": _shared(contents),
        "origins": origins(contents.runs),
        "data": _json(
            {
                "runs": _hovers(contents),
                "points": point_texts(contents),
                "plots": [_sent(plot) for plot in drawn],
                "playback": playback(contents),
            }
        ),
    }
    return Environment(autoescape=True).from_string(_asset("page.html")).render(values)


@cache
def _asset(name: str) -> str:
    return resources.files("ib_cli.report.page").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """plotly.js from the package plotly, safe inside a page (imported here, as the import is slow)."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().replace("</script", "<\\/script")


def _json(value: Any) -> str:
    """JSON that is safe between script tags, whatever names it holds."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _sent(plot: Plot) -> Plot:
    """What the page's script draws. Names and titles are escaped, as plotly.js reads tags."""
    found = {key: plot[key] for key in ("id", "traces", "layout", "picture", "plays") if key in plot}
    names = ("name", "legendgroup")
    found["traces"] = [
        {key: escape(value, quote=False) if key in names else value for key, value in trace.items()}
        for trace in plot["traces"]
    ]
    return found | {"layout": _escaped_titles(plot["layout"])}


def _escaped_titles(layout: Any) -> Any:
    if isinstance(layout, dict):
        title = {"text": escape(layout["text"], quote=False)} if isinstance(layout.get("text"), str) else {}
        return {key: _escaped_titles(value) for key, value in layout.items()} | title
    return [_escaped_titles(value) for value in layout] if isinstance(layout, list) else layout


def _sections(drawn: list[Plot]) -> list[dict[str, Any]]:
    titles = dict.fromkeys(plot["section"] for plot in drawn)
    return [{"title": title, "plots": [plot for plot in drawn if plot["section"] == title]} for title in titles]


def _multipliers(run: Any) -> str:
    return ", ".join(f"{GREEK.get(name, name)} = {value:g}" for name, value in run.multipliers.items())


def _hovers(contents: Contents) -> list[str]:
    """Hover text per run: multipliers, seed, study, folder. Escaped, as plotly.js reads tags."""
    texts = []
    for run in contents.runs:
        seed = run.result.get("seed", run.config.get("seed"))
        parts = [_multipliers(run), f"seed {seed}" if seed is not None else "", f"{run.study}/{run.id}"]
        if run.status != "done":
            parts.append(run.status)
        parts.append(run.place)
        texts.append("<br>".join(escape(part, quote=False) for part in parts if part))
    return texts


def _problems(contents: Contents) -> list[dict[str, str]]:
    keys = [key for key in contents.differing if not key.startswith("objective.minimise")]
    return [
        {
            "id": run.id,
            "study": run.study,
            "status": run.status,
            "config": " ".join(f"{key}={run.config.get(key)}" for key in keys if key in run.config),
            "why": run.problem,
        }
        for run in contents.runs
        if run.status != "done"
    ]


def _cell(value: Any) -> dict[str, Any]:
    if is_missing(value):
        return {"text": "–", "number": False}
    if isinstance(value, bool):
        return {"text": "yes" if value else "no", "number": False}
    if isinstance(value, Real):
        return {"text": str(value) if isinstance(value, int) else number(value), "number": True}
    return {"text": str(value), "number": False}


def _runs_table(contents: Contents, table: DataFrame) -> dict[str, Any]:
    """The most useful columns; results.csv has all."""
    prefix, suffix = f"{contents.split}/", f" ({contents.units})"
    shown = [name for name in table if name.startswith(prefix) and not name.endswith(FLAGGED)]
    measured = {name.removeprefix(prefix).removesuffix(suffix): name for name in shown}
    measures = list(dict.fromkeys([*contents.metrics, *in_order(set(measured))]))[:MOST_MEASURES]
    head = ["id", "study", "status", "objective", *(m for m in MULTIPLIERS if m in table), "seed", "epochs", "seconds"]
    head += [name for of in SUMMARY for name in (f"train/{of}", f"train/{of}{suffix}") if name in table]
    keys = [key for key in contents.differing if key in table and not key.startswith("objective.")]
    chosen = {*MULTIPLIERS, *keys}  # what a person chose is written as one writes it
    columns = list(dict.fromkeys([*head, *keys, *(measured[name] for name in measures), "folder"]))
    order = _by_what_differs(contents, table, [name for name in columns if name in chosen])
    cells = [
        [_marked(*pair, short=name in chosen) for pair in zip(table[name].tolist(), _flags(contents, name))]
        for name in columns
    ]
    rows = [{"run": i, "cells": list(row)} for i, row in enumerate(zip(*cells))]
    return {
        "id": "runs",
        "title": f"Runs ({len(table):,})",
        "note": f"Measures in {contents.units}; ? after a flagged estimate. A click on a column's name sorts. "
        "All columns: results.csv.",
        "columns": [GREEK.get(name, name) for name in columns],
        "rows": [rows[i] for i in order],
    }


def _by_what_differs(contents: Contents, table: DataFrame, names: Sequence[str]) -> list[int]:
    """The rows' order: by the keys that differ between runs, then by seed."""
    columns = [name for name in [*names, "seed"] if name in table and table[name].nunique() > 1]
    if not columns:
        return list(range(len(table)))
    sortable = {name: table[name].map(lambda value: (isinstance(value, str), value)) for name in columns}
    keys = list(zip(*(sortable[name].tolist() for name in columns)))
    missing = [tuple(is_missing(value) for _, value in key) for key in keys]
    plain = [tuple((False, 0) if lost else value for value, lost in zip(key, of)) for key, of in zip(keys, missing)]
    return sorted(range(len(table)), key=lambda i: (missing[i], plain[i]))


def _flags(contents: Contents, name: str) -> Any:
    """Whether the values of a column of the table of runs are flagged."""
    column = name.removesuffix(f" ({contents.units})") + FLAGGED
    return contents.results[column].tolist() if column in contents.results else repeat(False)


def _marked(value: Any, flagged: Any, short: bool = False) -> dict[str, Any]:
    cell = _cell(value)
    if short and cell["number"]:
        return cell | {"text": f"{value:g}"}
    return cell | {"text": f"{cell['text']}?"} if flagged is True and cell["number"] else cell


def _frontier_tables(contents: Contents) -> list[dict[str, Any]]:
    """The table of frontier.csv without quartiles; none without a frontier."""
    if contents.frontiers.empty:
        return []
    table = converted(contents.frontiers, contents.units, DISTANCES)
    shown = [name for name in table if "_q1" not in name and "_q3" not in name]
    rows = zip(*(table[name].tolist() for name in shown))
    note = (
        f"Medians, distances and excesses in {contents.units}. slope: −dy/dx of a frontier x-y by finite differences, "
        "between the secants slope_low and slope_high; of x-y-z −∂z/∂x, and slope_2 −∂z/∂y, of the hull's facets; "
        "slope_predicted: the ratio of the weights, which the first law makes it. excess: J over the least J, at the "
        "same weights, among the curve's points; above_limit: over the exact least J of the same weights and data, "
        "which may be too high by limit_gap (empty: not certified)."
    )
    return [
        {
            "id": "frontier-points",
            "title": "Points of the frontiers",
            "note": note,
            "columns": [GREEK.get(name, name) for name in shown],
            "rows": [
                {
                    "run": None,
                    "cells": [_marked(value, False, name in MULTIPLIERS) for name, value in zip(shown, row)],
                }
                for row in rows
            ],
        }
    ]


def _law_tables(contents: Contents) -> list[dict[str, Any]]:
    """The summary of the measured laws, and the laws that runs recorded; thermodynamics.csv has each point."""
    found = contents.thermodynamics
    if found is None:
        return []
    note = (
        f"On the {found.split} split, in nats. Relative: |measured − predicted| over the larger of the two, for "
        "convexity over the quantity's extent. Sure points: those whose error, of finite differences and seeds, is at "
        "most 5 %. Of the whole: root mean square of the differences over that of the larger sides. Each point: "
        "thermodynamics.csv."
    )
    tables = [
        ("laws", "Laws of thermodynamics", note, found.summary),
        ("recorded-laws", "Laws that runs measured themselves", "As the runs wrote them.", found.recorded),
    ]
    return [
        {
            "id": name,
            "title": title,
            "note": text,
            "columns": [GREEK.get(column, column) for column in table],
            "rows": [
                {"run": None, "cells": [_cell(value) for value in row]}
                for row in zip(*(table[column].tolist() for column in table))
            ],
        }
        for name, title, text, table in tables
        if len(table)
    ]


def _differences(contents: Contents) -> list[dict[str, str]]:
    rows = []
    for key in contents.differing:
        counts = Counter(str(run.config.get(key, "–")) for run in contents.runs if run.config)
        found = [f"{value} ({count})" for value, count in counts.most_common(MOST_VALUES)]
        more = [f"and {len(counts) - MOST_VALUES} more"] if len(counts) > MOST_VALUES else []
        rows.append({"key": key, "counts": ", ".join(found + more)})
    return rows


def _shared(contents: Contents) -> list[tuple[str, str]]:
    configs = [run.config for run in contents.runs if run.config]
    if not configs:
        return []
    apart = set(contents.differing)
    return [(key, str(value)) for key, value in configs[0].items() if key not in apart and not cosmetic(key)]
