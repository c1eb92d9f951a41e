"""The progress of one fit: when it is over, what it records and when it saves."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.engine.loss import Tensors
from ib_cli.engine.not_finite import became
from ib_cli.experiment.bounds import Bounds
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.generative_measures import GenerativeMeasures
from ib_cli.experiment.noise_measures import record_layers
from ib_cli.experiment.recording import estimates_of, record, record_estimates
from ib_cli.procedures.fit.train_copies import starting_state

log = logging.getLogger(__name__)


class Progress:
    """The epochs of one run. The training loop hands in the averages and evaluations of each epoch."""

    def __init__(
        self,
        experiment: Experiment,
        checkpoint: dict[str, Any] | None,
        patience: int | None,
        watch: str,
        keep_best: bool = False,
    ) -> None:
        """At the start, or at a checkpoint. `keep_best`: keep the parameters of the best evaluation in best.pt."""
        self.experiment, self.patience, self.watch, self.keep_best = experiment, patience, watch, keep_best
        self.state = starting_state(experiment)
        if checkpoint is not None:
            self.state.restore(checkpoint)
        whole = experiment.settings.evaluate_train
        self.evaluated_splits = [split for split in experiment.data.splits if whole or split != "train"]
        self._latest: Mapping[str, Mapping[str, float]] = {}  # evaluations of the present parameters
        self._rate: dict[str, float] = {}  # the learning rate of the last epoch, of a schedule that drops at plateaus

    @property
    def params(self) -> Tensors:
        """The parameters to evaluate, and the run's final ones."""
        return self.state.evaluated_params

    @property
    def over(self) -> bool:
        """Whether no epoch is left, or early stopping ends it."""
        state = self.state
        patient = self.patience is None or state.flat_evaluations < self.patience
        return state.epoch >= self.experiment.settings.epochs or not patient

    def trained(self, averages: Mapping[str, float]) -> None:
        """Count an epoch as trained; its averages are recorded unless the train split is evaluated."""
        state = self.state
        state.close_epoch()
        if state.schedule.state():  # it depends on J, so nobody knows it beforehand
            self._rate = {"learning_rate": state.optimizer.defaults["lr"] * state.schedule.factor(state.epoch)}
        state.schedule.observe(averages["J"])
        self._latest = {}
        if "train" not in self.evaluated_splits:
            self._record("train", averages)

    @property
    def evaluation_due(self) -> bool:
        """Whether `evaluated_splits` are evaluated after this epoch."""
        state, settings = self.state, self.experiment.settings
        return state.epoch % settings.evaluate_every == 0 or state.epoch == settings.epochs

    def evaluated(self, found: Mapping[str, Mapping[str, float]]) -> None:
        """Record evaluations, given by split, and count the ones without progress for early stopping."""
        self._latest = found
        for split, measures in found.items():
            self._record(split, measures)
            if broken := [name for name, value in measures.items() if not math.isfinite(value)]:
                log.warning("epoch %d, %s: %s not finite", self.state.epoch, split, ", ".join(broken))
        of_validation = found.get("validation", {})
        if self.patience is not None or (self.keep_best and self.watch in of_validation):
            value = watched(of_validation, self.watch)
            state, better = self.state, value < self.state.best
            state.best, state.flat_evaluations = (value, 0) if better else (state.best, state.flat_evaluations + 1)
            if better and self.keep_best:
                self._save_best(of_validation[self.watch])

    def estimate(self) -> None:
        """Estimate the information in the representation, where that is due after this epoch."""
        state = self.state
        state.estimate_seconds += record_estimates(self.experiment, state.epoch, self.over, self.params, state.buffers)

    def _save_best(self, value: float) -> None:
        state = {
            part: {name: tensor.detach().clone() for name, tensor in of.items()}  # of a stack, it is a part of a tensor
            for part, of in (("params", self.params), ("buffers", self.state.buffers))
        }
        about = {"epoch": self.state.epoch, "split": "validation", "watch": self.watch, "value": value}
        self.experiment.records.save_best(state, about)

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
        """Splits not yet evaluated with the present parameters; `finish` needs them."""
        return [split for split in self.experiment.data.splits if split not in self._latest]

    def finish(
        self,
        rest: Mapping[str, Mapping[str, float]],
        seconds: float,
        noise_off: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    ) -> Finished:
        """The end of the run, given evaluations of the splits in `unevaluated`, and measures without noise by split.

        Layers of noise, and models with a prior and a decoder, are measured here. Raises Interrupted; RunFailedError
        where J of the train split is not finite with the last parameters.
        """
        found = {**self._latest, **rest}
        self._check(found["train"])
        measures = {split: {**found[split], **noise_off.get(split, {})} for split in self.experiment.data.splits}
        state = self.state
        generative, spent = GenerativeMeasures(self.experiment).of(self.params, state.buffers, measures)
        measures = {split: {**of_split, **generative[split]} for split, of_split in measures.items()}
        seconds += spent
        of_layers = record_layers(self.experiment, state.epoch, self.params, state.buffers)
        if of_layers is not None:
            measures[of_layers.split] |= of_layers.measures
            state.estimate_seconds += of_layers.seconds
            seconds += of_layers.seconds
        estimates = estimates_of(self.experiment, state.epoch)  # those of layers among them
        if (split := self.experiment.estimates.split) in measures:
            measures[split] |= Bounds(self.experiment).of_estimates(estimates)
        total = state.seconds + seconds
        return Finished(
            epochs=state.epoch,
            seconds=total,
            measures=measures,
            estimates=estimates,
            compile_seconds=state.compile_seconds,
            estimate_seconds=state.estimate_seconds,
            params=dict(self.params),
        )

    def _check(self, train: Mapping[str, float]) -> None:
        """Raises RunFailedError where the last step, after which no other one noticed, left a J that is not finite."""
        if not math.isfinite(train.get("J", 0.0)):
            told = became({name: value for name, value in train.items() if name in self.state.names})
            tried = self.experiment.suspects.remedy(first=False)
            raise RunFailedError(f"{told} after the last step of epoch {self.state.epoch}: {tried}")

    def _record(self, split: str, measures: Mapping[str, float]) -> None:
        own = self._rate if split == "train" else {}
        record(self.experiment, self.state.epoch, self.state.step, split, {**measures, **own})


def watched(measures: Mapping[str, float], watch: str) -> float:
    """The measure that early stopping follows, signed so that lower is better. Raises ConfigError without one."""
    if watch not in measures:
        raise ConfigError(f"procedure.watch={watch}: not measured here; there are {', '.join(measures)}")
    return -measures[watch] if watch in ("accuracy", "r2") else measures[watch]
