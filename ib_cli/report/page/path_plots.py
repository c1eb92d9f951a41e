"""The page's plots of paths on the equilibrium surface, of transfers and of the laws along them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ib_cli.contracts.labels import GREEK, plain
from ib_cli.report.figures.path_lines import colour
from ib_cli.report.page.plot_parts import BASELINE, GREY, RUN_SYMBOLS, Plot, layout, numbers, plain_line
from ib_cli.report.panels.baseline import baselines
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.path_laws import LAWS, Law, Residuals, far_out, law_label, residuals
from ib_cli.report.panels.paths import (
    MOST_NAMED,
    PathPanel,
    ShownPath,
    equilibrated,
    free_energy_panels,
    line,
    names_of,
    panels_of,
    together,
    transfers,
    walks,
)

MOST_DOTS = 100  # steps: a longer line has none
NEAR = 1.1  # shown of a balance of rate that is far out in places
LINES = ("solid", "dash")  # of the first split and of the other one
OF_PATH = "A line per run, its start a ring; a cross ends a run that is not done. Hover for the step. "


def path_plots(contents: Contents) -> list[Plot]:
    """The plots of walks, of transfers and of both's laws, each with its section; [] if no run took a step."""
    found: list[Plot] = []
    surface, of_transfer = "Paths on the equilibrium surface", transfers(contents)
    for name, section, paths, chosen in (
        ("path", surface, walks(contents), panels_of),
        ("path", surface, together(equilibrated(contents), walks(contents)), free_energy_panels),
        ("transfer", "Transfers", of_transfer, panels_of),
    ):
        found += [{"section": section, **_plot(contents, paths, panel, name)} for panel in chosen(contents, paths)]
    paths = together(walks(contents), of_transfer)
    laws = [(law, rows) for law in LAWS if (rows := residuals(contents, paths, law))]
    return found + [{"section": "Laws along the paths", **_law(contents, paths, law, rows)} for law, rows in laws]


def _plot(contents: Contents, paths: Sequence[ShownPath], panel: PathPanel, name: str) -> Plot:
    names = names_of(paths)
    traces = [
        trace
        for k, split in enumerate(panel.splits)
        for path in paths
        for trace in _line(contents, path, panel, split, k, len(names))
    ]
    note = OF_PATH if not panel.counted else "A line per run. "
    if len(panel.splits) > 1:
        note += f"Solid: {panel.splits[0]} split; dashed: {panel.splits[1]} split. "
    if any(trace["marker"].get("symbol") == "star" for trace in traces):
        note += "Star: training from scratch, at its end. "
    if linear := _baselines(contents, traces, panel):
        note += "Grey line of dots and dashes: what a linear Gaussian model attains; others may be below."
    x = panel.counted or _axis(contents, panel.x)
    from_zero = {"yaxis": {"rangemode": "tozero"}} if panel.y == "C" else {}
    return {
        "id": f"{name}-{panel.x}-{panel.y}",
        "split": " and ".join(panel.splits),
        "title": _title(panel),
        "note": note.strip(),
        "traces": _named_once(traces, len(names)) + linear,
        "layout": layout(x, _axis(contents, panel.y), showlegend=True, **from_zero),
    }


def _title(panel: PathPanel) -> str:
    if panel.x == "R":
        return "Rate and distortion"
    x, y = (GREEK.get(name, name) for name in (panel.x, panel.y))
    return f"{y[0].upper()}{y[1:]} against {panel.counted}" if panel.counted else f"{x} and {y}"


def _axis(contents: Contents, measure: str) -> str:
    return "accuracy (%)" if measure == "accuracy" else plain(measure, contents.units, contents.own)


def _line(
    contents: Contents, path: ShownPath, panel: PathPanel, split: str, k: int, count: int
) -> Iterator[dict[str, Any]]:
    """The trace of one split of a run, and the marks of its start and of an end that is none."""
    rows = line(contents, path, panel, split)
    if not len(rows):
        return
    own, done = colour(contents, path.number, count), contents.runs[path.run].status == "done"
    common = {"type": "scatter", "name": path.name, "legendgroup": path.name}
    look: dict[str, Any] = {"line": {"color": own, "width": 1.6 if k == 0 else 1.1, "dash": LINES[k]}}
    star = {"color": own, "size": 12 if k == 0 else 8, "symbol": "star" if k == 0 else "star-open"}
    dots = k == 0 and len(rows) <= MOST_DOTS
    symbol = RUN_SYMBOLS[path.number % len(RUN_SYMBOLS)]
    look |= {"mode": "lines+markers" if dots else "lines", "marker": {"color": own, "size": 5, "symbol": symbol}}
    if path.scratch:
        look = {"mode": "markers", "marker": star}
    yield {**common, **look, **_at(path, panel, rows)}
    ends = [(rows[:1], "circle-open", 9)] if not path.scratch else []
    ends += [(rows[-1:], "x", 9)] if not (done or path.scratch) else []
    for at, symbol, size in ends if k == 0 else ():
        marker = {"color": own, "size": size, "symbol": symbol, "line": {"color": own, "width": 1.5}}
        yield {**common, "mode": "markers", "marker": marker, "showlegend": False, **_at(path, panel, at)}


def _at(path: ShownPath, panel: PathPanel, rows: np.ndarray) -> dict[str, Any]:
    steps = {} if panel.counted else {"steps": numbers(rows[:, 0])}
    return {"x": numbers(rows[:, 1]), "y": numbers(rows[:, 2]), "customdata": [path.run] * len(rows), **steps}


def _named_once(traces: list[Plot], count: int) -> list[Plot]:
    """The legend has each name once, if they are few enough."""
    seen: set[str] = set()
    found = []
    for trace in traces:
        named = count <= MOST_NAMED and trace["name"] not in seen and trace.get("showlegend", True)
        seen |= {trace["name"]} if named else set()
        found.append({**trace, "showlegend": named})
    return found


def _baselines(contents: Contents, traces: Sequence[Plot], panel: PathPanel) -> list[Plot]:
    across = [x for trace in traces for x in trace["x"] if x is not None]
    return [
        {**plain_line(found.points, BASELINE), "name": found.name, "showlegend": True}
        for found in (baselines(contents, panel.x, panel.y, min(across), max(across)) if across else [])
    ]


def _law(contents: Contents, paths: Sequence[ShownPath], law: Law, rows: Sequence[Residuals]) -> Plot:
    count = len(names_of(paths))
    last = max(float(found.steps.max()) for found in rows)
    zero = plain_line(np.array([[0.0, 0.0], [last, 0.0]]), {"color": GREY, "dash": "dot", "width": 1.2})
    traces = []
    for found in rows:
        own = colour(contents, found.path.number, count)
        traces.append({
            "type": "scatter", "mode": "markers", "name": found.path.name, "legendgroup": found.path.name,
            "x": numbers(found.steps), "y": numbers(found.values),
            "error_y": {"type": "data", "array": numbers(found.errors), "thickness": 1, "width": 0, "color": own},
            "marker": {"color": own, "size": 5, "symbol": RUN_SYMBOLS[found.path.number % len(RUN_SYMBOLS)]},
            "customdata": [found.path.run] * len(found.steps),
        })  # fmt: skip
    out = far_out(law, rows)
    axis = {"automargin": True, **({"range": [-NEAR, NEAR]} if out else {})}
    return {
        "id": f"path-law-{law.measure}",
        "split": "train",
        "title": law.says,
        "note": "Train split. Bars: standard errors, where they are known. Dotted line: 0."
        + (" Values beyond ±1, of steps that hardly changed R, are outside: double click zooms out." if out else ""),
        "traces": [zero, *_named_once(traces, count)],
        "layout": layout("steps", law_label(law, law.plain, contents.units), showlegend=True, yaxis=axis),
    }
