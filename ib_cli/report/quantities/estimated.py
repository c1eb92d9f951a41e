"""What was estimated along the runs: quantities over the epochs, by each estimator, and which values are flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ib_cli.report.read.runs import SPLITS, Run, is_number

MOST = 60  # epochs of a run that are drawn
Series = dict[float, tuple[float, bool]]  # epoch → value in nats, whether it is flagged


class Course(NamedTuple):
    """Quantities of one run by one estimator: epochs (n,), values (n, q) in nats, whether one is flagged (n,)."""

    epochs: np.ndarray
    values: np.ndarray
    flagged: np.ndarray

    @property
    def thinned(self) -> Course:
        """At most `MOST` epochs, dense at the beginning, where most happens; always the first and the last."""
        n = len(self.epochs)
        kept = np.arange(n) if n <= MOST else np.unique(np.geomspace(1, n, MOST).round().astype(int)) - 1
        return Course(self.epochs[kept], self.values[kept], self.flagged[kept])


@dataclass(frozen=True)
class Estimated:
    """Every finite estimate of one split: run → (estimator, quantity) → its series."""

    split: str
    series: Mapping[int, Mapping[tuple[str, str], Series]]

    def estimators(self, *quantities: str) -> list[str]:
        """Those that gave a run all the quantities, in the order of the records."""
        return list(
            dict.fromkeys(
                name
                for found in self.series.values()
                for name, _ in found
                if all((name, quantity) in found for quantity in quantities)
            )
        )

    def courses(self, estimator: str, *quantities: str) -> dict[int, Course]:
        """Of each run that has them, the quantities at the epochs that have them all."""
        courses = {}
        for run, found in self.series.items():
            parts = [found.get((estimator, quantity), {}) for quantity in quantities]
            epochs = sorted(set.intersection(*map(set, parts)))
            if epochs:
                values = np.array([[part[epoch][0] for part in parts] for epoch in epochs])
                flagged = np.array([any(part[epoch][1] for part in parts) for epoch in epochs])
                courses[run] = Course(np.array(epochs), values, flagged)
        return courses


def estimated(runs: Sequence[Run], split: str | None = None) -> Estimated:
    """The estimates of a split; None: of train where there are some, else of another."""
    found = {name: _of(runs, name) for name in ([split] if split else SPLITS)}
    name = next((name for name, series in found.items() if series), next(iter(found)))
    return Estimated(name, found[name])


def _of(runs: Sequence[Run], split: str) -> dict[int, dict[tuple[str, str], Series]]:
    found: dict[int, dict[tuple[str, str], Series]] = {}
    for i, run in enumerate(runs):
        for line in run.estimates:
            if line.get("split") == split and is_number(line.get("value")) and is_number(line.get("epoch")):
                key = str(line.get("estimator")), str(line.get("quantity"))
                of_run = found.setdefault(i, {}).setdefault(key, {})
                of_run[float(line["epoch"])] = float(line["value"]), bool(line.get("saturated"))
    return found
