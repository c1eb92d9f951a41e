"""Equilibration: training that brings a model, or a stack of its copies, back to the equilibrium surface."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ib_cli.contracts.noise import Request, draw
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import Tensors, plan
from ib_cli.engine.not_finite import suspects
from ib_cli.engine.schedules import Schedule
from ib_cli.engine.seeds import generator
from ib_cli.engine.stack import Stack
from ib_cli.engine.state import State
from ib_cli.engine.train import Epoch, Reporter, averages, batches
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.train_copies import CopyTrainer
from ib_cli.system.signals import Interrupted

TOP = (2 / 7) ** 2 * (5 / 7) ** 5  # of s² (1 − s)⁵, at s = 2/7


class Hump(Schedule):
    """A sharp rise from 0 and a slow fall back to 0, η(s) ∝ s² (1 − s)⁵ (Gao and Chaudhari 2020, §5.1)."""

    def __init__(self, start: float, epochs: float, height: float) -> None:
        """`start`: time at s = 0; `epochs`: until s = 1; `height`: the largest factor of the learning rate."""
        super().__init__(warmup=0)
        self.start, self.epochs, self.height = start, epochs, height

    def shape(self, t: float) -> float:
        """The factor at time t, 0 outside of the equilibration."""
        s = min(max((t - self.start) / self.epochs, 0.0), 1.0)
        return self.height * s**2 * (1 - s) ** 5 / TOP


def fresh_state(
    experiment: Experiment, params: dict[str, Tensor], buffers: dict[str, Tensor], epochs: int, peak: float,
    epoch: int = 0, step: int = 0,
) -> State:  # fmt: skip
    """These parameters, which change in place, before an equilibration of `epochs` epochs with a new optimiser.

    `peak`: its highest learning rate. `epoch`, `step`: those done before.
    """
    optimizer = experiment.optimizer(params.values())
    schedule = Hump(epoch, epochs, peak / optimizer.defaults["lr"])
    return State(params, buffers, optimizer, schedule, None, epoch=epoch, step=step)


class Equilibrator:
    """Equilibrates a model, or copies of it, under one law of the data; plans and compiled code serve all of them."""

    def __init__(self, experiment: Experiment, peak: float) -> None:
        """`peak`: the highest learning rate, which a J that is not finite is put down to."""
        self.first = experiment
        self.suspects = suspects(experiment.config, experiment.multipliers, peak)
        self.trainer = CopyTrainer([experiment])
        self.evaluation = self.trainer.evaluation
        self._backward = Backward(self.trainer.loss, experiment.settings.compile, experiment.device)
        self._plans: dict[int, list[Request]] = {}

    def one(
        self, experiment: Experiment, state: State, epochs: int, after_epoch: Callable[[State], None] | None = None
    ) -> None:
        """Train the model for `epochs` epochs with the experiment's multipliers.

        `after_epoch` is called after each. Raises RunFailedError where J is not finite, Interrupted at a signal.
        """
        reporter = Reporter(experiment.observers)
        for _ in range(epochs):
            self.evaluation.begin_epoch(state)
            epoch = Epoch(
                state, experiment.model, self._backward, self.first.data, experiment.settings, experiment.multipliers,
                suspects=self.suspects,
            )  # fmt: skip
            if (signal := epoch.run(self._plans, experiment.stop, reporter)) is not None:
                raise Interrupted(signal)
            epoch.averages()
            state.close_epoch()
            if after_epoch is not None:
                after_epoch(state)

    def copies(self, experiments: Sequence[Experiment], stack: Stack, epochs: int) -> list[dict[str, float]]:
        """Train copies, with multipliers and a seed each, and measure them on the train split.

        Copies of one seed have the same random numbers in training and in the evaluation. Raises as `one`.
        """
        for _ in range(epochs):
            epoch, signal = self.trainer.epoch(stack, experiments)
            if signal is not None:
                raise Interrupted(signal)
            for state in stack.states:
                averages(torch.cat(state.history), epoch.sizes, state.names, state.epoch, self.suspects)
                state.close_epoch()
        return self.evaluation.of_copies(stack, "train", experiments)

    def gradient_norm(self, experiment: Experiment, params: Tensors, buffers: Tensors) -> float:
        """Euclidean norm of the gradient of J, averaged over the train split as training sees it, in batches.

        Noise and batches are the same at every call, and the parts of J that they add do not vanish at equilibrium.
        """
        model, settings, data = experiment.model, experiment.settings, self.first.data
        multipliers = {name: torch.tensor(value, device=data.device) for name, value in experiment.multipliers.items()}
        numbers = generator(data.device, settings.seed, "gradient")
        buffers = {name: buffer.clone() for name, buffer in buffers.items()}  # training changes them
        order = batches(data, settings.batch_size, 0, settings.seed)
        total = [torch.zeros_like(p) for p in params.values()]
        model.train()
        for indices in order:
            batch = data.whole_batch() if data.whole(settings.batch_size) else data.batch("train", indices, numbers)
            if len(indices) not in self._plans:
                self._plans[len(indices)] = plan(model, batch, settings.samples, settings.precision)
            noise = draw(self._plans[len(indices)], numbers)
            J, _ = self.trainer.loss(params, buffers, batch, noise, multipliers)
            for sum_, gradient in zip(total, torch.autograd.grad(J, list(params.values()), allow_unused=True)):
                if gradient is not None:
                    sum_.add_(gradient, alpha=len(indices))
        squares = sum(float(each.square().sum(dtype=torch.float64)) for each in total)
        return math.sqrt(squares) / sum(map(len, order))
