"""The decoder uncertainty H[Y|Z] and the two cross-entropies of a classifier of z over the epochs, per point.

H[Y|Z] ≤ H_Θ[Y|Z], with equality where the decoder is p(y|z), and H_Θ[Y|X] ≤ H_Θ[Y|Z] (Unpacking, eqs. 4 and 5 and
Observation 2). The gap between the first two is the divergence of the decoder from the optimal one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ib_cli.contracts.labels import GREEK, counted
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.spread import FEW

MEASURES = {
    "H[Y|Z]": "decoder uncertainty",
    "H_model[Y|Z]": "decoder cross-entropy",
    "H_model[Y|X]": "prediction cross-entropy",
}
MOST = 12  # points: more make no readable picture
FEWEST_EPOCHS = 2
DECADE = 10  # the axis is logarithmic if the largest value is over so many times the smallest
QUARTILES = (25, 50, 75)  # per cent


@dataclass(frozen=True)
class Bands:
    """A point's measures over n epochs.

    `values`: measure → lower end of the band, median and upper end over the `runs` runs (3, n), in nats.
    """

    curve: str
    multipliers: Mapping[str, float]  # empty for the only point of a curve
    epochs: np.ndarray
    values: Mapping[str, np.ndarray]
    runs: int = 1

    def title(self, symbol: Callable[[str], str], name: Callable[[str], str] = str) -> str:
        """Curve written by `name`, and multipliers written by `symbol`."""
        return ", ".join([name(self.curve), *(f"{symbol(of)} = {value:g}" for of, value in self.multipliers.items())])


def extent(found: Sequence[Bands]) -> tuple[float, float, bool]:
    """The smallest and the largest value in nats, and True for a logarithmic axis."""
    values = np.concatenate([band.ravel() for bands in found for band in bands.values.values()])
    low, high = float(values.min()), float(values.max())
    return low, high, low > 0 and high > DECADE * low


def bands(contents: Contents) -> list[Bands]:
    """Bands of each point whose runs share two epochs or more with all three measures of the split.

    In the order in which the study began its points. Empty if they are too many for a picture, or one merged curve.
    """
    found = _all_bands(contents)
    return [] if contents.points.merged or len(found) > MOST else found


def left_out(contents: Contents) -> str:
    """Why the cross-entropies are not drawn though runs have them, or ''."""
    count = len(_all_bands(contents))
    if count == 0 or (count <= MOST and not contents.points.merged):
        return ""
    merged = contents.points.merged
    why = "the runs differ in too many ways for a curve each" if merged else f"a picture has room for {MOST}"
    return f"no cross-entropies: {counted(count, 'point')} with all three, and {why}"


def _all_bands(contents: Contents) -> list[Bands]:
    begun: dict[int, int] = {}
    for point, run in zip(contents.points.of_run.tolist(), contents.runs):
        if point >= 0:
            begun[point] = min(begun.get(point, run.begun), run.begun)
    points = sorted(begun, key=lambda point: (begun[point], point))
    return [of_point for point in points if (of_point := _bands(contents, point))]


def _bands(contents: Contents, point: int) -> Bands | None:
    lines = [_lines(contents, int(run)) for run in np.flatnonzero(contents.points.of_run == point)]
    shared = sorted(set.intersection(*(set(of_run) for of_run in lines)))  # so that all epochs show the same runs
    if len(shared) < FEWEST_EPOCHS:
        return None
    values = np.array([[of_run[epoch] for epoch in shared] for of_run in lines])  # (runs, n, measures)
    shares = (0, 50, 100) if len(values) <= FEW else QUARTILES
    quartiles = np.percentile(values, shares, axis=0)
    row = contents.points.table.loc[point]
    alone = (contents.points.table["curve"] == row["curve"]).sum() == 1
    multipliers = {} if alone else {name: float(row[name]) for name in GREEK if np.isfinite(row.get(name, np.nan))}
    by_measure = dict(zip(MEASURES, np.moveaxis(quartiles, 2, 0)))
    return Bands(str(row["curve"]), multipliers, np.array(shared), by_measure, len(values))


def _lines(contents: Contents, i: int) -> dict[float, np.ndarray]:
    """Epoch → the three measures (3,), for epochs of a run that have them all."""
    run = contents.runs[i]
    if any(name not in run.metrics for name in MEASURES):
        return {}
    rows = np.stack([run.metrics[name] for name in MEASURES], 1)
    chosen = (run.splits == contents.split) & np.isfinite(rows).all(1)
    return dict(zip(run.metrics["epoch"][chosen].tolist(), rows[chosen]))
