"""Estimates along the runs: quantities over the epochs, per estimator, with flags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ib_cli.report.quantities.thinning import thinned_rows
from ib_cli.report.read.runs import SPLITS, RecordedRun

MOST = 60  # drawn epochs per run
KNOWN_NOISE = ("categorical", "mixture", "pairwise")  # estimators that know q(z|x), the tightest first


class Value(NamedTuple):
    """An estimate in nats, whether it is flagged, and the distance of its bounds: infinite without both."""

    nats: float
    flagged: bool
    width: float = np.inf


Series = dict[float, Value]  # by epoch


class EstimatedPath(NamedTuple):
    """One run's q quantities by one estimator: epochs (n,), values (n, q) in nats, True (n,) if any is flagged."""

    epochs: np.ndarray
    values: np.ndarray
    flagged: np.ndarray

    @property
    def thinned(self) -> EstimatedPath:
        """At most `MOST` epochs, with the first and the last; dense at the beginning, where most happens."""
        kept = thinned_rows(len(self.epochs), MOST)
        return EstimatedPath(self.epochs[kept], self.values[kept], self.flagged[kept])


@dataclass(frozen=True)
class Estimated:
    """All finite estimates of one split: run → (estimator, quantity) → series."""

    split: str
    series: Mapping[int, Mapping[tuple[str, str], Series]]

    def estimators(self, *quantities: str) -> list[str]:
        """Estimators with all the quantities of at least one run, in the order of the records."""
        return list(
            dict.fromkeys(
                name
                for found in self.series.values()
                for name, _ in found
                if all((name, quantity) in found for quantity in quantities)
            )
        )

    def least_flagged(self, runs: Collection[int], *quantities: str) -> str | None:
        """The estimator that pictures of these quantities draw: the one with the fewest flags at the runs' ends.

        Only estimators with all the quantities of all the runs, so that all points of a picture mean the same; None
        without one. Of two with as many flags the one with the tighter bounds; without bounds, one that knows the
        noise of z; then the first of the records.
        """
        found: dict[str, tuple[int, float, bool, int]] = {}
        for order, name in enumerate(self.estimators(*quantities) if runs else []):
            ends = [self._end(run, name, quantities) for run in runs]
            values = [value for end in ends for value in end]
            if all(ends):
                flags, width = sum(value.flagged for value in values), sum(value.width for value in values)
                found[name] = flags, width, name not in KNOWN_NOISE, order
        return min(found, key=found.__getitem__, default=None)

    def _end(self, run: int, estimator: str, quantities: Sequence[str]) -> list[Value]:
        """The quantities at the last epoch that has all of them; [] without one."""
        parts = [self.series.get(run, {}).get((estimator, quantity), {}) for quantity in quantities]
        last = max(set.intersection(*map(set, parts)), default=None)
        return [] if last is None else [part[last] for part in parts]

    def paths(self, estimator: str, *quantities: str) -> dict[int, EstimatedPath]:
        """Run → its path over the epochs with all the quantities; runs without such an epoch are left out."""
        paths = {}
        for run, found in self.series.items():
            parts = [found.get((estimator, quantity), {}) for quantity in quantities]
            epochs = sorted(set.intersection(*map(set, parts)))
            if epochs:
                values = np.array([[part[epoch].nats for part in parts] for epoch in epochs])
                flagged = np.array([any(part[epoch].flagged for part in parts) for epoch in epochs])
                paths[run] = EstimatedPath(np.array(epochs), values, flagged)
        return paths


def estimated(runs: Sequence[RecordedRun], split: str | None = None) -> Estimated:
    """The estimates of a split; None: the first of train, validation and test that has any."""
    found = {name: _of(runs, name) for name in ([split] if split else SPLITS)}
    name = next((name for name, series in found.items() if series), next(iter(found)))
    return Estimated(name, found[name])


def _of(runs: Sequence[RecordedRun], split: str) -> dict[int, dict[tuple[str, str], Series]]:
    found: dict[int, dict[tuple[str, str], Series]] = {}
    for i, run in enumerate(runs):
        for line in run.estimates:
            if line["split"] == split and line.get("value") is not None:
                of_run = found.setdefault(i, {}).setdefault((line["estimator"], line["quantity"]), {})
                of_run[float(line["epoch"])] = Value(float(line["value"]), line.get("saturated", False), _width(line))
    return found


def _width(line: Mapping[str, Any]) -> float:
    lower, upper = line.get("lower"), line.get("upper")
    return np.inf if lower is None or upper is None else float(upper) - float(lower)
