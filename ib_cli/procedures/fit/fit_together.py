"""`fit` for several runs at once: their parameters stacked, one step for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ib_cli.contracts.errors import RunFailedError
from ib_cli.engine.backward import Backward
from ib_cli.engine.group import GroupEpoch
from ib_cli.engine.loss import make_loss, of_many
from ib_cli.engine.stack import Stack
from ib_cli.engine.train import averages
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.procedures.fit.progress import Clock, Course
from ib_cli.system.signals import Interrupted


def fit_together(
    experiments: Sequence[Experiment],
    checkpoints: Sequence[dict[str, Any] | None],
    *,
    patience: int | None,
    watch: str,
) -> Iterator[tuple[int, Finished | RunFailedError]]:
    """Train runs that differ only in what can be stacked; yields each one's index and end as it comes to it.

    Every run records, saves and ends as it would on its own; the time of the group is shared out evenly. A run that
    stops being finite is given up and leaves the others as they are. Runs that an interruption left behind the others
    catch up first. Raises Interrupted at a signal, after saving all.
    """
    courses = [Course(each, checkpoint, patience, watch) for each, checkpoint in zip(experiments, checkpoints)]
    group = _Group(experiments, courses)
    under_way = [i for i, course in enumerate(courses) if not course.over]
    for i in sorted(set(range(len(courses))) - set(under_way)):
        yield i, group.finish_alone(i)
    while under_way:
        behind = min(_position(courses[i]) for i in under_way)
        members = [i for i in under_way if _position(courses[i]) == behind]
        for i, end in group.epoch(members):
            under_way.remove(i)
            yield i, end


def _position(course: Course) -> tuple[int, int]:
    return course.state.epoch, course.state.step_in_epoch


class _Group:
    """The runs, and the stack of those that train at the moment."""

    def __init__(self, experiments: Sequence[Experiment], courses: Sequence[Course]) -> None:
        first = experiments[0]
        self.experiments, self.courses, self.first = experiments, courses, first
        self.loss = make_loss(first.model, first.objective, first.settings.samples, first.settings.precision)
        self.evaluation = Evaluation(first)
        self._backwards: dict[int | None, Backward] = {}
        self.requests: dict[int, list] = {}
        self.clock = Clock()
        self.members: list[int] = []
        self.stack: Stack | None = None

    def epoch(self, members: list[int]) -> list[tuple[int, Finished | RunFailedError]]:
        """Train one epoch of the members; the indices and ends of those that came to one."""
        if members != self.members:
            self.members, self.stack = members, Stack([self.courses[i].state for i in members], self.first.optimizer)
        self.evaluation.begin_epoch_of_stack(self.stack, [self.experiments[i] for i in members])
        settings = [self.experiments[i].settings for i in members]
        multipliers = [self.experiments[i].multipliers for i in members]
        epoch = GroupEpoch(self.stack, self.first.model, self._backward, self.first.data, settings, multipliers)
        if (signal := epoch.run(self.requests, self.first.stop)) is not None:
            self._save_at(signal, members)
        failed = dict(self._close(epoch, members))
        alive = [i for i in members if i not in failed]
        self._evaluate(members, alive)
        for i in alive:
            self.courses[i].estimate()
        signal = self.first.stop()
        self._save_at(signal, [i for i in alive if self.courses[i].save_due or signal is not None])
        return [*failed.items(), *self._finish(members, [i for i in alive if self.courses[i].over])]

    def _backward(self, axis: int | None) -> Backward:
        """Of the loss mapped over the runs, whose batch and noise lie on this axis."""
        if axis not in self._backwards:
            data, settings = self.first.data, self.first.settings
            weighted = data.splits["train"].weight is not None
            many = of_many(self.loss, axis, weighted, same=data.whole(settings.batch_size))
            self._backwards[axis] = Backward(many, self.first.settings.compile, self.first.device)
        return self._backwards[axis]

    def _finish(self, members: list[int], over: list[int]) -> list[tuple[int, Finished]]:
        """What those of the stacked members that are over came to. Raises Interrupted at a signal."""
        if len(over) < len(members) / 2:  # early stopping: the others need no evaluation yet
            return [(i, self.finish_alone(i)) for i in over]
        rest: dict[str, list[dict[str, float]]] = {}
        for split in self.courses[over[0]].unevaluated:
            rest[split] = self._measured(members, split)
            if self.first.stop() is not None:
                raise Interrupted(self.first.stop())
        spent = self.clock.read() / len(over)
        return [
            (i, self.courses[i].finish({split: of[members.index(i)] for split, of in rest.items()}, spent))
            for i in over
        ]

    def finish_alone(self, i: int) -> Finished:
        """What a run that is over came to, evaluated by itself. Raises Interrupted at a signal."""
        course, rest = self.courses[i], {}
        for split in course.unevaluated:
            rest[split] = self.evaluation.of(
                course.state.evaluated_params, split, self.experiments[i], course.state.buffers
            )
            if self.first.stop() is not None:
                raise Interrupted(self.first.stop())
        return course.finish(rest, self.clock.read())

    def _close(self, epoch: GroupEpoch, members: list[int]) -> Iterator[tuple[int, RunFailedError]]:
        """Hand each run its averages; the ones that stopped being finite, and how."""
        for i in members:
            state = self.courses[i].state
            try:
                means = averages(torch.cat(state.history), epoch.sizes, state.names, state.epoch)
            except RunFailedError as error:
                yield i, error
                continue
            self.courses[i].trained(means)

    def _evaluate(self, members: list[int], alive: list[int]) -> None:
        """The splits that are due of all members together, told to those alive."""
        if not alive or not self.courses[alive[0]].evaluation_due:
            return
        found = {split: self._measured(members, split) for split in self.courses[alive[0]].evaluated_splits}
        for position, i in enumerate(members):
            if i in alive:
                self.courses[i].evaluated({split: of[position] for split, of in found.items()})

    def _measured(self, members: list[int], split: str) -> list[dict[str, float]]:
        return self.evaluation.of_stack(self.stack, split, [self.experiments[i] for i in members])

    def _save_at(self, signal: int | None, members: list[int]) -> None:
        if members:
            spent = self.clock.read() / len(members)
            compiling = sum(backward.unread() for backward in self._backwards.values()) / len(members)
        for i in members:
            self.courses[i].state.compile_seconds += compiling
            self.courses[i].save(spent)
        if signal is not None:
            raise Interrupted(signal)
