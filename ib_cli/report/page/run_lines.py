"""The page's lines of many runs over their epochs: few traces in the multiplier's colours, and marks at the ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.page.plot_parts import RUN_SYMBOLS, UNDOTTED, Plot, numbers
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.run_groups import run_groups
from ib_cli.report.quantities.colours import Colours
from ib_cli.report.quantities.thinning import thinned_rows

TRAJECTORY_POINTS = 20_000  # of all runs of a plot together: a browser draws them without delay
FEWEST_EPOCHS, MOST_EPOCHS = 12, 200  # drawn per run
FEW = 100  # runs: above this, thinner lines and smaller marks
SPOTS = 6  # marks along a line without dots
COLOUR_BINS = 12  # lines of one colour are one trace, as plotly.js takes a millisecond per trace


def flagged_lines(
    contents: Contents,
    lines: dict[int, np.ndarray],
    flagged: Mapping[int, np.ndarray],
    colours: Colours,
    dots: bool,
    hollow: bool = False,
    curves: bool = True,
) -> list[Plot]:
    """Lines of epoch, x, y (n, 3): solid, and dotted where one of their ends is flagged (n,).

    `dots` at the epochs: rings where flagged, or all if `hollow`.
    """
    doubted = {run: line for run, line in lines.items() if flagged[run].any()}
    trusted = {run: line.copy() for run, line in lines.items()}
    for run in doubted:
        trusted[run][flagged[run], 1:] = np.nan
    return [
        *(run_lines(contents, doubted, colours, dots, "dot", True, curves) if doubted else []),
        *run_lines(contents, trusted, colours, dots, hollow=hollow, curves=curves),
    ]


def run_lines(
    contents: Contents,
    lines: dict[int, np.ndarray],
    colours: Colours,
    dots: bool,
    dash: str = "solid",
    hollow: bool = False,
    curves: bool = True,
) -> list[Plot]:
    """A trace per colour from lines of epoch, x, y (n, 3), with gaps between runs and at NaN values.

    A few multipliers, and `curves`, differ in dashes and marks as well, and are named in the legend.
    """
    names = [GREEK[name] for name in contents.colours.names]
    groups = run_groups(contents, lines, curves)
    bins: dict[tuple[str, int], list[int]] = {}
    for run, colour in zip(lines, colours.hexes(contents.run_colour_values[list(lines)], COLOUR_BINS)):
        bins.setdefault((colour, groups[run][0] if groups else -1), []).append(run)
    width = 1.2 if len(lines) <= FEW else 0.5
    most = int(np.clip(TRAJECTORY_POINTS // max(len(lines), 1), FEWEST_EPOCHS, MOST_EPOCHS))
    traces = []
    for (colour, number), runs in sorted(bins.items(), key=lambda item: item[0][1]):
        kept = {run: lines[run][thinned_rows(len(lines[run]), most)] for run in runs}
        joined = np.concatenate([np.concatenate([line, np.full((1, 3), np.nan)]) for line in kept.values()])
        ids = [run for run, line in kept.items() for _ in range(len(line) + 1)]
        symbol = RUN_SYMBOLS[max(number, 0) % len(RUN_SYMBOLS)] + ("-open" if hollow else "")
        marker = {"size": 3 if dots else 5, "color": colour, "symbol": symbol}
        named = groups and dash == "solid"
        legend = {"name": groups[runs[0]][1].title(names, str)} if named else {}
        traces.append({
            "type": "scatter", "mode": "lines+markers" if dots or groups else "lines", **legend,
            "line": {"color": colour, "width": width, "dash": UNDOTTED[number % len(UNDOTTED)] if named else dash},
            "marker": marker if dots else {**marker, "maxdisplayed": SPOTS * len(runs)},
            "opacity": 0.7, "x": numbers(joined[:, 1]),
            "y": numbers(joined[:, 2]), "customdata": ids, "epochs": numbers(joined[:, 0]), "showlegend": bool(named),
            "play": "line",
        })  # fmt: skip
    return traces


def end_marks(
    contents: Contents,
    lines: dict[int, np.ndarray],
    colours: Colours,
    hollow: Collection[int] = (),
    curves: bool = True,
) -> Plot:
    """A mark at the end of each line (n, 3): its group's, else a dot; a cross for a run that is not done.

    Open for runs in `hollow`.
    """
    groups = run_groups(contents, lines, curves)
    forms = {run: RUN_SYMBOLS[number % len(RUN_SYMBOLS)] for run, (number, _) in groups.items()}
    ends = np.array([line[-1] for line in lines.values()]).reshape(-1, 3)
    marker = {
        "size": 8 if len(lines) <= FEW else 5,
        "color": colours.hexes(contents.run_colour_values[list(lines)]),
        "symbol": [
            (forms.get(run, "circle") if contents.runs[run].status == "done" else "x")
            + ("-open" if run in hollow else "")
            for run in lines
        ],
        "line": {"color": "#fff", "width": [1.5 if run in hollow else 0.5 for run in lines]},
    }
    return {
        "type": "scatter", "mode": "markers", "marker": marker, "customdata": list(lines), "showlegend": False,
        "x": numbers(ends[:, 1]), "y": numbers(ends[:, 2]), "epochs": [int(e) for e in ends[:, 0]],
        "play": "ends",
    }  # fmt: skip
