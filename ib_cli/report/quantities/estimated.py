"""Estimates along the runs: quantities over the epochs, per estimator, with flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ib_cli.report.quantities.thinning import thinned_rows
from ib_cli.report.read.runs import SPLITS, RecordedRun, is_number

MOST = 60  # drawn epochs per run
Series = dict[float, tuple[float, bool]]  # epoch → value in nats, True if flagged


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

    def paths(self, estimator: str, *quantities: str) -> dict[int, EstimatedPath]:
        """Run → its path over the epochs with all the quantities; runs without such an epoch are left out."""
        paths = {}
        for run, found in self.series.items():
            parts = [found.get((estimator, quantity), {}) for quantity in quantities]
            epochs = sorted(set.intersection(*map(set, parts)))
            if epochs:
                values = np.array([[part[epoch][0] for part in parts] for epoch in epochs])
                flagged = np.array([any(part[epoch][1] for part in parts) for epoch in epochs])
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
            if line.get("split") == split and is_number(line.get("value")) and is_number(line.get("epoch")):
                key = str(line.get("estimator")), str(line.get("quantity"))
                of_run = found.setdefault(i, {}).setdefault(key, {})
                of_run[float(line["epoch"])] = float(line["value"]), bool(line.get("saturated"))
    return found
