"""The usual procedure: minimise the objective by stochastic gradients for a number of epochs."""

from __future__ import annotations

import time
from typing import Annotated, Any

from annotated_types import Gt

from ib_cli.engine.interrupt import Interrupted
from ib_cli.engine.loss import make_loss
from ib_cli.engine.state import State
from ib_cli.engine.train import Epoch, Reporter
from ib_cli.errors import ConfigError
from ib_cli.experiment import Experiment, Finished
from ib_cli.metrics import evaluate


def fit(
    experiment: Experiment, checkpoint: dict[str, Any] | None, *, patience: Annotated[int, Gt(0)] | None, watch: str
) -> Finished:
    """Train from the start or from a checkpoint to the end, recording as it goes.

    `patience`: end early when the validation split's `watch` (lower is better; for accuracies higher) has not
    improved for that many evaluations.
    Raises RunFailedError when the objective stops being finite, Interrupted at a signal, after saving.
    """
    settings, data, records = experiment.settings, experiment.data, experiment.records
    state = _start(experiment, checkpoint)
    loss = make_loss(experiment.model, experiment.objective, settings.samples, settings.precision)
    requests: dict[int, list] = {}
    evaluated: dict[str, dict[str, float]] = {}
    clock, reporter = _Clock(state), Reporter(experiment.observers)

    def save(then: int | None = None) -> None:
        clock.stop()
        records.save_checkpoint(state.checkpoint())
        if then is not None:
            raise Interrupted(then)

    def over() -> bool:
        return state.epoch >= settings.epochs or (patience is not None and state.flat_evaluations >= patience)

    while not over():
        epoch = Epoch(state, experiment.model, loss, data, settings, experiment.multipliers)
        if (signal := epoch.run(requests, experiment.stop, reporter)) is not None:
            save(then=signal)
        averages, evaluated = epoch.averages(), {}
        epoch.close()
        state.schedule.observe(averages["J"])
        _record(experiment, state, "train", averages)
        if state.epoch % settings.evaluate_every == 0 or state.epoch == settings.epochs:
            evaluated = {split: _evaluate(experiment, state, split) for split in data.splits if split != "train"}
            for split, measures in evaluated.items():
                _record(experiment, state, split, measures)
            if patience is not None:
                _watch(state, _watched(evaluated["validation"], watch))
        if state.epoch % settings.checkpoint_every == 0 or over() or experiment.stop() is not None:
            save(then=experiment.stop())
    final = {}
    for split in data.splits:
        final[split] = evaluated.get(split) or _evaluate(experiment, state, split)
        if experiment.stop() is not None:
            raise Interrupted(experiment.stop())
    clock.stop()
    return Finished(state.epoch, state.seconds, final, state.evaluated_params)


def check(experiment: Experiment, *, patience: int | None, watch: str) -> None:
    """Raises ConfigError, before anything is written, where early stopping has nothing to watch."""
    if patience is None:
        return
    if "validation" not in experiment.data.splits:
        raise ConfigError("procedure.patience needs a validation split: set dataset.validation_size, for example 0.1")
    _watched(_evaluate(experiment, _start(experiment, None), "validation"), watch)


fit.check = check  # what run calls before it opens the records


def _start(experiment: Experiment, checkpoint: dict[str, Any] | None) -> State:
    model = experiment.model
    optimizer = experiment.optimizer(model.parameters())
    state = State.start(model, optimizer, experiment.schedule, experiment.settings.averaging)
    if checkpoint is not None:
        state.restore(checkpoint)
    return state


class _Clock:
    """Adds the time since it was last stopped to the state's seconds."""

    def __init__(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()

    def stop(self) -> None:
        now = time.monotonic()
        self.state.seconds += now - self.since
        self.since = now


def _evaluate(experiment: Experiment, state: State, split: str) -> dict[str, float]:
    settings = experiment.settings
    return evaluate(
        experiment.model,
        state.evaluated_params,
        experiment.objective,
        experiment.multipliers,
        experiment.data,
        split,
        samples=settings.eval_samples,
        batch_size=settings.eval_batch_size,
        precision=settings.precision,
        seed=settings.seed,
    )


def _record(experiment: Experiment, state: State, split: str, measures: dict[str, float]) -> None:
    line = {"epoch": state.epoch, "step": state.step, "split": split, **measures}
    experiment.records.metrics.append(line)
    for observer in experiment.observers:
        observer.evaluated(line)


def _watched(measures: dict[str, float], watch: str) -> float:
    """The measure that early stopping follows, turned so that lower is better. Raises ConfigError if there is none."""
    if watch not in measures:
        raise ConfigError(f"procedure.watch={watch}: not measured here; there are {', '.join(measures)}")
    return -measures[watch] if watch == "accuracy" else measures[watch]


def _watch(state: State, value: float) -> None:
    """Early stopping's count of evaluations without improvement."""
    state.best, state.flat_evaluations = (value, 0) if value < state.best else (state.best, state.flat_evaluations + 1)
