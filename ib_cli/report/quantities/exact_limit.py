"""The exact limit: the frontier from runs of procedure=exact_frontier. No model can train below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.report.read.points import Points
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import cosmetic

if TYPE_CHECKING:
    from pandas import DataFrame

IDLE = {"dataset.passes", "dataset.likelihood"}  # keys of a table that do not change its distribution
SAMPLED = {"dataset.infinite", "dataset.draws", "dataset.seed"}  # keys of the training samples drawn from a table
SAME = 1e-9  # relative: weights closer than this are equal
AFFINE = 1e-6  # relative: a functional this close to a plane over two others is affine in them


def exact_curves(points: Points, runs: Sequence[RecordedRun]) -> list[str]:
    """Curves of exact optima only."""
    curves = points.table["curve"].to_numpy()
    exact = np.array([run.exact for run in runs], dtype=bool)
    inside = points.of_run >= 0
    mixed = set(curves[points.of_run[inside & ~exact]])
    return [curve for curve in dict.fromkeys(curves[points.of_run[inside & exact]]) if curve not in mixed]


def bounds_pair(points: Points, rows: DataFrame, pair: Sequence[str]) -> bool:
    """True if a curve of exact optima bounds a pair of functionals. `rows`: the curve on this frontier, with `hull`.

    The optimum of Σ w f bounds the functionals that it trades off. Its projection bounds a pair (x, y) only if the rest
    of the sum is no third trade: every other functional is constant or affine over the whole curve, f = a + b x + c y,
    such as D = H(X) − R of exact optima. With w_x + b w_f and w_y + c w_f both positive, the sum is a supporting line
    of the pair. A limit needs two such points on the lower hull.
    """
    weights = [points.weights[row] for row in rows.index]
    names = {name for own in weights for name in own} - set(pair)
    if not all(weights) or not names <= set(points.table):
        return False
    places = rows[list(pair)].to_numpy(dtype=float)
    traded = np.array([[own.get(name, 0.0) for name in pair] for own in weights])
    for name in names:
        slopes = _affine(places, points.table.loc[rows.index, name].to_numpy(dtype=float))
        if slopes is None:
            return False
        traded += np.outer([own.get(name, 0.0) for own in weights], slopes)
    return int((rows["hull"].to_numpy(dtype=bool) & (traded > 0).all(1)).sum()) > 1


def _affine(places: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Slopes (b, c) of values = a + b x + c y over points (n, 2); None if the values lie on no such plane.

    Tried in this order: no slope, b alone, c alone, both. A fit needs more points than unknowns.
    """
    if not np.isfinite(values).all():
        return None
    for columns in ([], [0], [1], [0, 1]):
        basis = np.column_stack([np.ones(len(places)), places[:, columns]])
        found = np.linalg.lstsq(basis, values, rcond=None)[0]
        if len(places) > len(found) and np.abs(basis @ found - values).max() <= AFFINE * np.abs(values).max():
            slopes = np.zeros(2)
            slopes[columns] = found[1:]
            return slopes
    return None


def certified(run: RecordedRun) -> bool:
    """True for an exact optimum that is proven: a Gaussian's closed form, or a table's with a certificate.

    Runs of version 0.1 have a gap for a table's optimum but no proof of it.
    """
    train = run.result.get("train") or {}
    return "gap" not in train or train.get("certified") == 1


def transitions(runs: Sequence[RecordedRun]) -> list[str]:
    """A line for each table or Gaussian law solved: the weight of C at which R leaves 0, global and local."""
    found = []
    for run in runs:
        train = run.result.get("train") or {}
        threshold, local = (train.get(name) for name in ("transition", "transition_local"))
        if run.exact and threshold and local:
            found.append(
                f"R of the exact optimum leaves 0 where C weighs {threshold:.4g} times as much as R (less D); by the "
                f"local criterion, 1/ρ₁², at {local:.4g}"
            )
    return list(dict.fromkeys(found))


def above_limit(points: Points, runs: Sequence[RecordedRun], split: str) -> tuple[np.ndarray, np.ndarray]:
    """J of each trained point minus the exact minimum of J for the same weights and data, in nats: (points,).

    Also the gap of this minimum (points,): by so many nats it may be above the true one; NaN if nothing is proven.
    Weights may differ by a common factor; J has the weights of the trained point. NaN for exact points, and without an
    exact run of the same weights and data. On the test split, a table that is only sampled for training is the same
    data.
    """
    (found, gaps), exact = np.full((2, len(points.table)), np.nan), exact_curves(points, runs)
    limits = [i for i in points.table.index if points.table["curve"][i] in exact]
    first = {int(point): run for run, point in reversed(list(zip(runs, points.of_run)))}
    distributions = {i: _distribution(first[i], split) for i in points.table.index} if limits else {}
    for i in set(points.table.index) - set(limits) if limits else ():
        own = points.weights[i]
        same_data = [k for k in limits if distributions[k] is not None and distributions[k] == distributions[i]]
        least = {k: value for k in same_data if np.isfinite(value := _least(points, own, k))}
        if least:
            best = min(least, key=lambda k: least[k])
            found[i] = _objective(points, own, i) - least[best]
            gaps[i] = _gap(first[best]) * max(own[name] / points.weights[best][name] for name in own)
    return found, gaps


def _gap(run: RecordedRun) -> float:
    """The gap of an exact optimum, with its own weights; 0 in closed form, NaN if it is not proven."""
    train = run.result.get("train") or {}
    proven = "gap" not in train or "certified" in train
    return float(train.get("gap") or 0.0) if proven else np.nan


def _distribution(run: RecordedRun, split: str) -> tuple[Any, ...] | None:
    """Config of the distribution behind a split; None for an exact optimum of drawn samples, off the train split."""
    sampled = run.config.get("dataset.infinite") is False
    if split != "train" and sampled and run.exact:
        return None
    left_out = IDLE if split == "train" else IDLE | SAMPLED
    keys = [key for key in run.config if key.startswith("dataset.") and key not in left_out and not cosmetic(key)]
    return tuple((key, repr(run.config[key])) for key in sorted(keys))


def _least(points: Points, weights: Mapping[str, float], exact: int) -> float:
    """J of an exact point by these weights; NaN unless they equal its own up to a factor."""
    own = points.weights[exact]
    if not weights or set(own) != set(weights) or not set(weights) <= set(points.table):
        return np.nan
    ratios = np.array([weights[name] / own[name] for name in own])
    return _objective(points, weights, exact) if np.ptp(ratios) <= SAME * np.abs(ratios).max() else np.nan


def _objective(points: Points, weights: Mapping[str, float], point: int) -> float:
    return sum(weight * float(points.table[name][point]) for name, weight in weights.items())
