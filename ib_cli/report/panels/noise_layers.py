"""What layers of noise let through, against β and against the width of the network (Information Dropout)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.spread import bar_words, ends
from ib_cli.report.read.noise_layers import NoiseLayers, noise_layers
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import final_measures

WIDTH = "architecture.width"
TC = re.compile(r"TC\[(\w+)\]")
KL, SHARE = "KL_", "box_share_"  # the names of measures begin so, and end with the layer's name


class Series(NamedTuple):
    """Values y (n,) at ascending x (n,) of `runs` (n,) runs each: their median, and the ends of a band."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: np.ndarray


class Correlated(NamedTuple):
    """A layer's total correlation and the runs' error against β."""

    curve: str
    layer: str
    correlation: Series  # nats
    per_unit: Series  # nats
    error: Series
    flagged: bool  # whether some of these estimates are


@dataclass(frozen=True)
class Measured:
    """A finished run, its swept multiplier and what it measured of its layers."""

    run: RecordedRun
    curve: str
    beta: float  # NaN without a multiplier that varies
    layers: NoiseLayers


def split_of(found: Iterable[Measured]) -> str:
    """`test split`: the split that these runs measured their layers on."""
    splits = dict.fromkeys(str(each.run.config.get("noise_measures.split") or "test") for each in found)
    return f"{' or '.join(splits)} split"


def band_words(lines: Iterable[Series]) -> str:
    """What the bands of these lines are; '' where no point has two runs."""
    return bar_words((count for line in lines for count in line.runs), bar="band")


def measured(contents: Contents) -> list[Measured]:
    """The runs that measured their layers of noise, by curve, in ascending β."""
    found = []
    for curve, members in contents.by_curve(range(len(contents.runs))).items():
        for i in members:
            layers = noise_layers(contents.runs[i])
            if layers is not None and contents.points.of_run[i] >= 0:
                beta = float(contents.points.colour_by[contents.points.of_run[i]])
                found.append(Measured(contents.runs[i], curve, beta, layers))
    order = {curve: number for number, curve in enumerate(dict.fromkeys(each.curve for each in found))}
    return sorted(found, key=lambda each: (order[each.curve], each.beta))


def shares(contents: Contents) -> dict[tuple[str, str], Series]:
    """(curve, layer) → the share of KL in the box against β, of curves with two β or more."""
    return _series_of(contents, SHARE, lambda run: run.multipliers.get("beta"))


def by_width(contents: Contents) -> dict[tuple[str, str], tuple[Series, Series]]:
    """(β as text, layer) → KL of the layer, and of one of its units on average, against the width of the network.

    Of runs that measured their layers; only where two widths differ. In nats.
    """
    rows: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for i, run in enumerate(contents.runs):
        width = run.config.get(WIDTH)
        if not isinstance(width, int | float) or contents.points.of_run[i] < 0:
            continue
        layers = noise_layers(run)
        for layer, kl in (layers.kl if layers else {}).items():
            total = final_measures(run).get(contents.split, {}).get(KL + layer)
            if total is not None:
                beta = run.multipliers.get("beta")
                key = "" if beta is None else f"{beta:g}", layer
                rows.setdefault(key, []).append((float(width), total, total / kl.size))
    found = {}
    for key, values in rows.items():
        if len({x for x, _, _ in values}) > 1:
            found[key] = _series((x, y) for x, y, _ in values), _series((x, y) for x, _, y in values)
    return found


def correlations(contents: Contents) -> list[Correlated]:
    """The total correlation of each curve's layer and the error, where two β have them."""
    rows: dict[tuple[str, str], list[tuple[float, float, float, float, bool]]] = {}
    for each in measured(contents):
        lines = {
            line["quantity"]: line for line in each.run.estimates
            if line.get("value") is not None and line["split"] == contents.split
        }  # fmt: skip
        error = final_measures(each.run).get(contents.split, {}).get("error")
        beta = each.run.multipliers.get("beta")
        for name, line in lines.items():
            per_unit = lines.get(f"TC_per_unit[{match[1]}]") if (match := TC.fullmatch(name)) else None
            if match and per_unit and error is not None and beta:
                flag = bool(line.get("saturated"))
                values = (beta, float(line["value"]), float(per_unit["value"]), error, flag)
                rows.setdefault((each.curve, match[1]), []).append(values)
    return [
        Correlated(
            curve,
            layer,
            _series((beta, total) for beta, total, _, _, _ in found),
            _series((beta, of_unit) for beta, _, of_unit, _, _ in found),
            _series((beta, error) for beta, _, _, error, _ in found),
            flagged=any(flag for *_, flag in found),
        )
        for (curve, layer), found in rows.items()
        if len({row[0] for row in found}) > 1
    ]


def _series_of(
    contents: Contents, start: str, place: Callable[[RecordedRun], float | None]
) -> dict[tuple[str, str], Series]:
    """(curve, layer) → a measure of the layer whose name begins with `start`, against what `place` says of the run."""
    rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for curve, members in contents.by_curve(range(len(contents.runs))).items():
        for i in members:
            x = place(contents.runs[i])
            if not x or contents.points.of_run[i] < 0:
                continue
            for name, value in final_measures(contents.runs[i]).get(contents.split, {}).items():
                if name.startswith(start):
                    rows.setdefault((curve, name.removeprefix(start)), []).append((x, value))
    return {key: _series(values) for key, values in rows.items() if len({x for x, _ in values}) > 1}


def _series(pairs: Iterable[tuple[float, float]]) -> Series:
    of: dict[float, list[float]] = {}
    for x, y in pairs:
        of.setdefault(x, []).append(y)
    places = sorted(of)
    middle, counts = [float(np.median(of[at])) for at in places], [len(of[at]) for at in places]
    low, high = zip(*(ends(np.array(of[at])) for at in places))
    return Series(np.array(places), np.array(middle), np.array(low), np.array(high), np.array(counts))
