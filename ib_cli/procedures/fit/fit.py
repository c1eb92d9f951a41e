"""The usual procedure: minimise the objective by stochastic gradients for a number of epochs."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Gt

from ib_cli.contracts.errors import ConfigError
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import LossFunction, make_loss
from ib_cli.engine.train import Epoch, Reporter
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.procedures.fit.fit_together import fit_together
from ib_cli.procedures.fit.progress import Clock, Course, watched
from ib_cli.system.signals import Interrupted


def fit(
    experiment: Experiment, checkpoint: dict[str, Any] | None, *, patience: Annotated[int, Gt(0)] | None, watch: str
) -> Finished:
    """Train from the start or from a checkpoint to the end, recording as it goes.

    `patience`: end early when the validation split's `watch` (lower is better; for accuracies higher) has not
    improved for that many evaluations.
    Raises RunFailedError when the objective stops being finite, Interrupted at a signal, after saving.
    """
    settings = experiment.settings
    loss = make_loss(experiment.model, experiment.objective, settings.samples, settings.precision)
    return complete(Course(experiment, checkpoint, patience, watch), loss)


def complete(course: Course, loss: LossFunction) -> Finished:
    """Train a course to its end by the gradients of a loss. Raises as `fit`."""
    experiment = course.experiment
    settings, data, model = experiment.settings, experiment.data, experiment.model
    evaluation = Evaluation(experiment)
    backward = Backward(loss, settings.compile, experiment.device)
    requests: dict[int, list] = {}
    clock, reporter = Clock(), Reporter(experiment.observers)

    def save_at(signal: int | None) -> None:
        course.state.compile_seconds += backward.unread()
        course.save(clock.read())
        if signal is not None:
            raise Interrupted(signal)

    while not course.over:
        evaluation.begin_epoch(course.state)
        epoch = Epoch(course.state, model, backward, data, settings, experiment.multipliers)
        if (signal := epoch.run(requests, experiment.stop, reporter)) is not None:
            save_at(signal)
        course.trained(epoch.averages())
        if course.evaluation_due:
            course.evaluated({split: evaluation.of(course.params, split) for split in course.evaluated_splits})
        course.estimate()
        if course.save_due or experiment.stop() is not None:
            save_at(experiment.stop())
    rest = {}
    for split in course.unevaluated:
        rest[split] = evaluation.of(course.params, split)
        if experiment.stop() is not None:
            raise Interrupted(experiment.stop())
    return course.finish(rest, clock.read())


def check(experiment: Experiment, *, patience: int | None, watch: str) -> None:
    """Raises ConfigError, before anything is written, where early stopping has nothing to watch."""
    if patience is None:
        return
    if "validation" not in experiment.data.splits:
        raise ConfigError("procedure.patience needs a validation split: set dataset.validation_size, for example 0.1")
    watched(Evaluation(experiment).of(dict(experiment.model.named_parameters()), "validation"), watch)


fit.check = check  # what run calls before it opens the records
fit.together = fit_together  # the same for several runs at once
