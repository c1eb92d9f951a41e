"""Training of several copies of one model at once: parameters stacked, one step for all."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ib_cli.contracts.noise import Request
from ib_cli.engine.backward import Backward
from ib_cli.engine.group import GroupEpoch
from ib_cli.engine.loss import loss_of_copies, make_loss
from ib_cli.engine.rivals import optimisers, own_parameters
from ib_cli.engine.stack import Stack
from ib_cli.engine.state import State
from ib_cli.engine.train import averages
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.system.signals import Interrupted


def train_copies(
    experiments: Sequence[Experiment], epochs: int, states: Sequence[State] | None = None
) -> tuple[Stack, list[dict[str, float]]]:
    """Train copies of one model for some epochs; returns them and the last epoch's averages of J and its parts.

    The experiments differ in their models' parameters, multipliers, seeds and learning rates at most (`ib_cli.varied`
    makes such experiments). Copies start from `states`, or from their models' parameters. Each copy gets the samples
    and the noise that it would get alone. Nothing is recorded or saved. Raises RunFailedError where a copy's J or its
    parts are not finite, Interrupted at a signal, ValueError without an experiment.
    """
    if not experiments:
        raise ValueError("experiments: there is none to train")
    if critics := experiments[0].model.critics:
        raise ValueError(f"experiments: {' and '.join(critics)} takes turns with the model, which a stack does not")
    stack = Stack(states or [starting_state(each) for each in experiments], experiments[0].optimizer)
    trainer = CopyTrainer(experiments)
    found: list[dict[str, float]] = []
    for _ in range(epochs):
        epoch, signal = trainer.epoch(stack, experiments)
        if signal is not None:
            raise Interrupted(signal)
        found = [
            averages(torch.cat(state.history), epoch.sizes, state.names, state.epoch, each.suspects)
            for state, each in zip(stack.states, experiments, strict=True)
        ]
        for state, means in zip(stack.states, found):
            state.close_epoch()
            state.schedule.observe(means["J"])
    return stack, found


def starting_state(experiment: Experiment) -> State:
    """The state of a run before its first step."""
    model = experiment.model
    optimizer = experiment.optimizer(own_parameters(model))
    return State.start(model, optimizer, experiment.schedule, experiment.settings.averaging, optimisers(model))


class CopyTrainer:
    """Trains stacked copies an epoch at a time; plans and compiled code serve all epochs."""

    def __init__(self, experiments: Sequence[Experiment]) -> None:
        """`experiments`: all that may be trained; they share the first one's objective, data and kind of model."""
        self.first = first = experiments[0]
        self.loss = make_loss(first.model, first.objective, first.settings.samples, first.settings.precision)
        self.evaluation = Evaluation(first)
        self._backwards: dict[int | None, Backward] = {}
        self._plans: dict[int, list[Request]] = {}

    def epoch(self, stack: Stack, experiments: Sequence[Experiment]) -> tuple[GroupEpoch, int | None]:
        """Train the copies of a stack, with their experiments, for an epoch; returns it, and a signal or None."""
        self.evaluation.begin_epoch_of_stack(stack, experiments)
        settings = [each.settings for each in experiments]
        multipliers = [each.multipliers for each in experiments]
        epoch = GroupEpoch(stack, self.first.model, self._backward, self.first.data, settings, multipliers)
        return epoch, epoch.run(self._plans, self.first.stop)

    def unread_seconds(self) -> float:
        """Seconds spent on compiling since the last call."""
        return sum(backward.unread() for backward in self._backwards.values())

    def _backward(self, axis: int | None) -> Backward:
        """The gradient of the loss mapped over copies; `axis`: the leading axis of batch and noise, or None."""
        if axis not in self._backwards:
            data, settings = self.first.data, self.first.settings
            many = loss_of_copies(self.loss, axis, same=data.whole(settings.batch_size))
            self._backwards[axis] = Backward(many, settings.compile, self.first.device)
        return self._backwards[axis]
