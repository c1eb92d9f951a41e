"""Errors of networks with layers of noise: against their width, and against β beside those of probes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ib_cli.config.public_names import short_name
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.spread import FEW
from ib_cli.report.read.damage import is_number
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import final_measures
from ib_cli.report.read.words import CHOICES, choice

# Measure → how the noise stands in it: N and D of the paper.
MODES = {
    "error": "noise on (N)",
    "error_noise_off": "noise off (D)",
    "error_noise_off_bn": "D, batch norm re-estimated",
}
MAIN, NONE = "error", "none"
ORDER = tuple(CHOICES["noise"].values())  # of the kinds of noise; others follow
WIDTHS, WIDTH = "architecture.widths", "architecture.width"
UNITS, FRACTION = "units of a hidden layer", "fraction of the filters"
PROBED = "nuisance_error"  # the names of a probe's errors begin so


class Means(NamedTuple):
    """Means y (n,) at ascending x (n,), their standard errors (n,), 0 for an only run, and numbers of runs (n,).

    `singles` (m, 2): x and y of the runs behind means of two to four runs.
    """

    x: np.ndarray
    y: np.ndarray
    error: np.ndarray
    runs: np.ndarray
    singles: np.ndarray


def errors_by_width(contents: Contents) -> tuple[str, dict[str, dict[str, Means]]]:
    """What the width counts, and mode → kind of noise → errors; {} unless two kinds of noise and two widths differ.

    A kind of noise is named with β where that differs among its runs. A run without noise has one error, that of every
    mode. Without batch norm the third mode is absent.
    """
    done = [run for run in contents.runs if run.status == "done"]
    for name, counted in ((WIDTHS, UNITS), (WIDTH, FRACTION)):
        rows = [(run, width) for run in done if (width := _width(run, name)) is not None]
        kinds = _kinds([run for run, _ in rows])
        if len({width for _, width in rows}) > 1 and len(set(kinds)) > 1:
            return counted, _modes(contents.split, [(kind, *row) for kind, row in zip(kinds, rows)])
    return "", {}


def errors_by_beta(contents: Contents) -> dict[str, Means]:
    """Measure → errors against β, of runs with noise of which probes found errors; {} unless two β differ."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for run in contents.runs:
        found, beta = final_measures(run).get(contents.split, {}), run.multipliers.get("beta")
        if run.status == "done" and beta and any(name.startswith(PROBED) for name in found):
            for name, value in found.items():
                if name in MODES or name.startswith(PROBED):
                    rows.setdefault(name, []).append((beta, value))
    order = [*(name for name in MODES if name in rows), *sorted(name for name in rows if name not in MODES)]
    return {name: means(rows[name]) for name in order if len({beta for beta, _ in rows[name]}) > 1}


def means(pairs: Iterable[tuple[float, float]]) -> Means:
    """The mean of the values at each x, and its standard error, from the deviation over runs with n − 1."""
    of: dict[float, list[float]] = {}
    for x, y in pairs:
        of.setdefault(x, []).append(y)
    places = sorted(of)
    rows = [np.array(of[at]) for at in places]
    error = [np.std(row, ddof=1) / len(row) ** 0.5 if len(row) > 1 else 0.0 for row in rows]
    singles = [(at, y) for at, row in zip(places, rows) if 1 < len(row) <= FEW for y in row]
    return Means(
        np.array(places),
        np.array([row.mean() for row in rows]),
        np.array(error),
        np.array([len(row) for row in rows]),
        np.array(singles).reshape(-1, 2),
    )


def noise_of(run: RecordedRun) -> str:
    """The public name of a run's noise."""
    return short_name("noise", str(run.config.get("noise._target_", NONE)))


def _modes(split: str, rows: Iterable[tuple[str, RecordedRun, float]]) -> dict[str, dict[str, Means]]:
    pairs: dict[str, dict[str, list[tuple[float, float]]]] = {mode: {} for mode in MODES}
    plain: list[tuple[str, float, float]] = []
    for kind, run, width in rows:
        found = final_measures(run).get(split, {})
        for mode in MODES:
            if mode in found:
                pairs[mode].setdefault(kind, []).append((width, found[mode]))
        if noise_of(run) == NONE and MAIN in found:
            plain.append((kind, width, found[MAIN]))
    for kind, width, error in plain:
        for mode in MODES:
            if mode != MAIN and pairs[mode]:  # some run has noise in this mode
                pairs[mode].setdefault(kind, []).append((width, error))
    return {mode: {kind: means(of[kind]) for kind in sorted(of, key=_place)} for mode, of in pairs.items() if of}


def _place(kind: str) -> tuple[int, str]:
    """Sorts kinds of noise."""
    name = kind.partition(",")[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER)), kind


def _kinds(runs: list[RecordedRun]) -> list[str]:
    """Each run's noise, with β where runs of this noise differ in it."""
    betas: dict[str, set[float]] = {}
    for run in runs:
        betas.setdefault(noise_of(run), set()).add(run.multipliers.get("beta", 0.0))
    shown = {name: choice("noise", name) or name for name in betas}
    return [
        f"{shown[name]}, β = {run.multipliers.get('beta', 0.0):g}" if len(betas[name]) > 1 else shown[name]
        for run in runs
        for name in (noise_of(run),)
    ]


def _width(run: RecordedRun, name: str) -> float | None:
    """The width of a perceptron whose hidden layers are alike, or of a convolutional network."""
    value = run.config.get(name)
    if isinstance(value, str) and value.startswith("["):  # a list, as JSON
        layers = json.loads(value)
        alike = bool(layers) and all(is_number(layer) and layer == layers[0] for layer in layers)
        return float(layers[0]) if alike else None
    return float(value) if isinstance(value, int | float) else None
