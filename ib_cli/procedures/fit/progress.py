"""A fit as one run sees it: when it is over, what it records and when it saves."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.engine.loss import Tensors
from ib_cli.engine.state import State
from ib_cli.experiment.experiment import Experiment, Finished

log = logging.getLogger(__name__)


class Course:
    """The epochs of one run; whoever trains tells it what came out."""

    def __init__(
        self, experiment: Experiment, checkpoint: dict[str, Any] | None, patience: int | None, watch: str
    ) -> None:
        """At the start or, from a checkpoint, where it stood."""
        self.experiment, self.patience, self.watch = experiment, patience, watch
        self.state = State.start(
            experiment.model,
            experiment.optimizer(experiment.model.parameters()),
            experiment.schedule,
            experiment.settings.averaging,
        )
        if checkpoint is not None:
            self.state.restore(checkpoint)
        whole = experiment.settings.evaluate_train
        self.evaluated_splits = [split for split in experiment.data.splits if whole or split != "train"]
        self._latest: Mapping[str, Mapping[str, float]] = {}  # evaluations of the present parameters

    @property
    def params(self) -> Tensors:
        """Those that evaluations and estimates are of, and that the run ends with."""
        return self.state.evaluated_params

    @property
    def over(self) -> bool:
        """Whether no epoch is left, or early stopping ends it."""
        state = self.state
        patient = self.patience is None or state.flat_evaluations < self.patience
        return state.epoch >= self.experiment.settings.epochs or not patient

    def trained(self, averages: Mapping[str, float]) -> None:
        """An epoch has been trained, with these averages; they are recorded unless the train split is evaluated."""
        self.state.close_epoch()
        self.state.schedule.observe(averages["J"])
        self._latest = {}
        if "train" not in self.evaluated_splits:
            self._record("train", averages)

    @property
    def evaluation_due(self) -> bool:
        """Whether `evaluated_splits` are evaluated after this epoch."""
        state, settings = self.state, self.experiment.settings
        return state.epoch % settings.evaluate_every == 0 or state.epoch == settings.epochs

    def evaluated(self, found: Mapping[str, Mapping[str, float]]) -> None:
        """The evaluations that were due, by split."""
        self._latest = found
        for split, measures in found.items():
            self._record(split, measures)
            if broken := [name for name, value in measures.items() if not math.isfinite(value)]:
                log.warning("epoch %d, %s: %s not finite", self.state.epoch, split, ", ".join(broken))
        if self.patience is not None:
            value = watched(found["validation"], self.watch)
            state, better = self.state, value < self.state.best
            state.best, state.flat_evaluations = (value, 0) if better else (state.best, state.flat_evaluations + 1)

    def estimate(self) -> None:
        """Estimate the information in the representation, where that is due after this epoch."""
        state = self.state
        state.estimate_seconds += estimate(self.experiment, state.epoch, self.over, self.params, state.buffers)

    @property
    def save_due(self) -> bool:
        """Whether this epoch ends with a checkpoint."""
        return self.state.epoch % self.experiment.settings.checkpoint_every == 0 or self.over

    def save(self, seconds: float) -> None:
        """Replace the checkpoint; `seconds` have been spent since the last one."""
        self.state.seconds += seconds
        self.experiment.records.save_checkpoint(self.state.checkpoint())

    @property
    def unevaluated(self) -> list[str]:
        """The splits that the end still needs an evaluation of."""
        return [split for split in self.experiment.data.splits if split not in self._latest]

    def finish(self, rest: Mapping[str, Mapping[str, float]], seconds: float) -> Finished:
        """What the run came to, given evaluations of the splits that had none."""
        measures = {split: dict((self._latest | rest)[split]) for split in self.experiment.data.splits}
        state = self.state
        last = [line for line in self.experiment.records.estimates.read() if line["epoch"] == state.epoch]
        total = state.seconds + seconds
        return Finished(
            epochs=state.epoch,
            seconds=total,
            measures=measures,
            estimates=last,
            compile_seconds=state.compile_seconds,
            estimate_seconds=state.estimate_seconds,
            params=dict(self.params),
        )

    def _record(self, split: str, measures: Mapping[str, float]) -> None:
        line = {"epoch": self.state.epoch, "step": self.state.step, "split": split, **measures}
        self.experiment.records.metrics.append(line)
        for observer in self.experiment.observers:
            observer.evaluated(line)


def estimate(experiment: Experiment, epoch: int, last: bool, params: Tensors, buffers: Tensors) -> float:
    """Estimate the information in the representation, where that is due after this epoch, and record it; the seconds
    that it took."""
    if not experiment.estimates.due(epoch, last):
        return 0.0
    found, seconds = experiment.estimates(experiment.model, experiment.data, experiment.settings, params, buffers)
    lines = [{"epoch": epoch, "split": experiment.estimates.split} | asdict(each) for each in found]
    for line in lines:
        experiment.records.estimates.append(line)
    for observer in experiment.observers:
        observer.estimated(lines)
    return seconds


class Clock:
    """Seconds since it was last read."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def read(self) -> float:
        """The seconds, and start again from 0."""
        now = time.monotonic()
        spent, self._since = now - self._since, now
        return spent


def watched(measures: Mapping[str, float], watch: str) -> float:
    """The measure that early stopping follows, turned so that lower is better. Raises ConfigError if there is none."""
    if watch not in measures:
        raise ConfigError(f"procedure.watch={watch}: not measured here; there are {', '.join(measures)}")
    return -measures[watch] if watch in ("accuracy", "r2") else measures[watch]
