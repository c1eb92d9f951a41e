"""The usual procedure: minimise the objective by stochastic gradients for a number of epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from annotated_types import Gt

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.contracts.noise import Request
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import LossFunction, fields_of, make_loss
from ib_cli.engine.rivals import rivals
from ib_cli.engine.train import Epoch, Reporter
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.noise_off import NoiseOff
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, stop_if_asked
from ib_cli.procedures.fit.fit_together import fit_together
from ib_cli.procedures.fit.progress import Progress, watched
from ib_cli.system.signals import Interrupted


class Fit(Procedure):
    """Minimise the objective by stochastic gradients, from the start or from a checkpoint to the end.

    `patience`: end early when `watch` of the validation split has not improved for that many evaluations; lower is
    better, except for `accuracy` and `r2`. `run` raises RunFailedError when the objective stops being finite.
    """

    name = "fit"
    trains_together = True
    trains_critics = True

    def __init__(self, *, patience: Annotated[int, Gt(0)] | None, watch: str) -> None:
        self.patience, self.watch = patience, watch

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where early stopping has nothing to watch."""
        if self.patience is None:
            return
        if "validation" not in experiment.data.splits:
            where = "set dataset.validation_size, for example 0.1"
            if experiment.measured is not None:
                where = "the measured run was made without dataset.validation_size"
            raise ConfigError(f"procedure.patience needs a validation split: {where}")
        watched(Evaluation(experiment).of(dict(experiment.model.named_parameters()), "validation"), self.watch)

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train to the end."""
        settings = experiment.settings
        loss = make_loss(experiment.model, experiment.objective, settings.samples, settings.precision)
        return complete(Progress(experiment, checkpoint, self.patience, self.watch, settings.keep_best), loss)

    def together(
        self, experiments: Sequence[Experiment], checkpoints: Sequence[dict[str, Any] | None]
    ) -> Iterator[tuple[int, Finished | RunFailedError]]:
        """Train several runs at once."""
        return fit_together(experiments, checkpoints, patience=self.patience, watch=self.watch)


def complete(progress: Progress, loss: LossFunction) -> Finished:
    """Train a run to its end by the gradients of a loss. Raises as `Fit.run`."""
    experiment, clock = progress.experiment, Clock()
    train(progress, loss, clock)
    evaluation, rest = Evaluation(experiment), {}
    for split in progress.unevaluated:
        rest[split] = evaluation.of(progress.params, split)
        stop_if_asked(experiment)
    noise_off = NoiseOff(experiment).of(progress.params, progress.state.buffers, experiment.data.splits)
    return progress.finish(rest, clock.read(), noise_off)


def train(progress: Progress, loss: LossFunction, clock: Clock) -> None:
    """The epochs of a run that are left. Raises as `Fit.run`."""
    experiment = progress.experiment
    settings, data, model = experiment.settings, experiment.data, experiment.model
    evaluation = Evaluation(experiment)
    backward = Backward(loss, settings.compile, experiment.device)
    critics, only = rivals(model, settings, experiment.device), fields_of(experiment.objective)
    requests: dict[int, list[Request]] = {}
    reporter = Reporter(experiment.observers)

    def save_at(signal: int | None) -> None:
        progress.state.compile_seconds += backward.unread() + critics.unread()
        progress.save(clock.read())
        if signal is not None:
            raise Interrupted(signal)

    while not progress.over:
        evaluation.begin_epoch(progress.state)
        given = (data, settings, experiment.multipliers, critics, only, experiment.suspects)
        epoch = Epoch(progress.state, model, backward, *given)
        if (signal := epoch.run(requests, experiment.stop, reporter)) is not None:
            save_at(signal)
        progress.trained(epoch.averages())
        if progress.evaluation_due:
            progress.evaluated({split: evaluation.of(progress.params, split) for split in progress.evaluated_splits})
        progress.estimate()
        if progress.save_due or experiment.stop() is not None:
            save_at(experiment.stop())
