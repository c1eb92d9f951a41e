"""Lower bounds on ln p(x) of autoencoders with Gaussian noise and with Information Dropout, by the size of z."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_errors import Means, means
from ib_cli.report.read.damage import is_number
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import final_measures

RATES = {"R": "Gaussian", "KL": "Information Dropout"}  # the term beside D → the noise of z
MINIMISE = "objective.minimise."


def lower_bounds(contents: Contents) -> dict[str, Means]:
    """Noise of z → −(D + R) or −(D + KL) in nats against the number of z's units, of finished runs that minimise it.

    {} unless both kinds are there.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    for run in contents.runs:
        found, rate = final_measures(run).get(contents.split, {}), _rate(run)
        units = _units(run)
        if run.status == "done" and rate and units and "D" in found and rate in found:
            rows.setdefault(RATES[rate], []).append((units, -found["D"] - found[rate]))
    return {name: means(rows[name]) for name in RATES.values()} if len(rows) == len(RATES) else {}


def _rate(run: RecordedRun) -> str | None:
    """The rate of a run that minimises D plus this rate, each with the weight 1; None for any other."""
    weights = _weights(run)
    for rate in RATES:
        if weights == {"D": 1.0, rate: 1.0}:
            return rate
    return None


def _weights(run: RecordedRun) -> Mapping[str, float | None]:
    """The terms of the objective and their weights; a weight of 0 is no term."""
    found: dict[str, float | None] = {}
    for key, value in run.config.items():
        if key.startswith(MINIMISE):
            weight = run.multipliers.get(value) if isinstance(value, str) else value
            found[key.removeprefix(MINIMISE)] = float(weight) if isinstance(weight, int | float) else None
    return {term: weight for term, weight in found.items() if weight != 0}


def _units(run: RecordedRun) -> float | None:
    """The dimensions of z: those of the bottleneck, or where it has none, of the last layer."""
    size, widths = run.config.get("bottleneck.size"), run.config.get("architecture.widths")
    if isinstance(size, int):
        return float(size)
    layers = json.loads(widths) if isinstance(widths, str) and widths.startswith("[") else []
    return float(layers[-1]) if layers and is_number(layers[-1]) else None
