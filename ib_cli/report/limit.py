"""The exact limit: the frontier that runs of procedure=exact_frontier computed, below which no model can train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ib_cli.report.points import Points
from ib_cli.report.read import Run
from ib_cli.report.tables import cosmetic

PROCEDURE = ".exact_frontier"  # how the path of such a run's procedure ends
IDLE = {"dataset.passes", "dataset.likelihood"}  # keys of a table that leave its law as it is
SAMPLED = {"dataset.infinite", "dataset.draws", "dataset.seed"}  # those of what is drawn from it to train on
SAME = 1e-9  # relative: weights closer than this are equal


def is_exact(run: Run) -> bool:
    """Whether a run is an exact optimum."""
    return str(run.config.get("procedure._target_", "")).endswith(PROCEDURE)


def exact_curves(points: Points, runs: Sequence[Run]) -> list[str]:
    """The curves that consist of exact optima."""
    curves = points.table["curve"].to_numpy()
    exact = np.array([is_exact(run) for run in runs], dtype=bool)
    inside = points.of_run >= 0
    mixed = set(curves[points.of_run[inside & ~exact]])
    return [curve for curve in dict.fromkeys(curves[points.of_run[inside & exact]]) if curve not in mixed]


def above(points: Points, runs: Sequence[Run], split: str) -> np.ndarray:
    """J of each trained point less the exact least J of the same weights on the same data, in nats: (points,).

    Weights may differ by a common factor: J is that of the trained point's. NaN for exact points, and where no exact
    run has these weights and this data. On the test split a table that is sampled for training alone is the same data.
    """
    found, exact = np.full(len(points.table), np.nan), exact_curves(points, runs)
    limits = [i for i in points.table.index if points.table["curve"][i] in exact]
    first = {int(point): run for run, point in reversed(list(zip(runs, points.of_run)))}
    laws = {i: _law(first[i], split) for i in points.table.index} if limits else {}
    for i in set(points.table.index) - set(limits) if limits else ():
        own = points.weights[i]
        least = [_least(points, own, k) for k in limits if laws[k] is not None and laws[k] == laws[i]]
        least = [value for value in least if np.isfinite(value)]
        if least:
            found[i] = _objective(points, own, i) - min(least)
    return found


def _law(run: Run, split: str) -> tuple | None:
    """What tells apart what a split's samples come from; None for an optimum of what was drawn, off its own split."""
    sampled = run.config.get("dataset.infinite") is False
    if split != "train" and sampled and is_exact(run):
        return None
    left_out = IDLE if split == "train" else IDLE | SAMPLED
    keys = [key for key in run.config if key.startswith("dataset.") and key not in left_out and not cosmetic(key)]
    return tuple((key, repr(run.config[key])) for key in sorted(keys))


def _least(points: Points, weights: Mapping[str, float], exact: int) -> float:
    """J of an exact point by these weights, where they are its own up to a factor; else NaN."""
    own = points.weights[exact]
    if not weights or set(own) != set(weights) or not set(weights) <= set(points.table):
        return np.nan
    ratios = np.array([weights[name] / own[name] for name in own])
    return _objective(points, weights, exact) if np.ptp(ratios) <= SAME * np.abs(ratios).max() else np.nan


def _objective(points: Points, weights: Mapping[str, float], point: int) -> float:
    return sum(weight * float(points.table[name][point]) for name, weight in weights.items())
