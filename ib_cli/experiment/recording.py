"""What every procedure records on its way, and how it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ib_cli.engine.loss import Tensors
from ib_cli.experiment.experiment import Experiment
from ib_cli.system.signals import Interrupted


def record(experiment: Experiment, epoch: int, step: int, split: str, measures: Mapping[str, float]) -> None:
    """Write a line of metrics.jsonl, and show it to the observers."""
    line = {"epoch": epoch, "step": step, "split": split, **measures}
    experiment.records.metrics.append(line)
    for observer in experiment.observers:
        observer.evaluated(line)


def record_estimates(experiment: Experiment, epoch: int, last: bool, params: Tensors, buffers: Tensors) -> float:
    """Estimate the information in the representation, if it is due after this epoch, and record it.

    Returns the seconds that it took.
    """
    if not experiment.estimates.due(epoch, last):
        return 0.0
    found, seconds = experiment.estimates(experiment.model, experiment.data, experiment.settings, params, buffers)
    lines = [{"epoch": epoch, "split": experiment.estimates.split} | asdict(each) for each in found]
    for line in lines:
        experiment.records.estimates.append(line)
    for observer in experiment.observers:
        observer.estimated(lines)
    return seconds


def estimates_of(experiment: Experiment, epoch: int) -> list[dict[str, Any]]:
    """The lines of estimates.jsonl of one epoch."""
    return [line for line in experiment.records.estimates.read() if line["epoch"] == epoch]


def stop_if_asked(experiment: Experiment) -> None:
    """Raises Interrupted where a signal has come."""
    if (signal := experiment.stop()) is not None:
        raise Interrupted(signal)


class Clock:
    """Seconds since it was last read."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def read(self) -> float:
        """The seconds, and start again from 0."""
        now = time.monotonic()
        spent, self._since = now - self._since, now
        return spent
