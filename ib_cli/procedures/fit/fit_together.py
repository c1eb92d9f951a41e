"""`fit` for several runs at once: each records, saves and ends as it would alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ib_cli.contracts.errors import RunFailedError
from ib_cli.engine.group import GroupEpoch
from ib_cli.engine.stack import Stack
from ib_cli.engine.train import averages
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.noise_off import NoiseOff
from ib_cli.experiment.recording import Clock, stop_if_asked
from ib_cli.procedures.fit.progress import Progress
from ib_cli.procedures.fit.train_copies import CopyTrainer
from ib_cli.system.signals import Interrupted


def fit_together(
    experiments: Sequence[Experiment],
    checkpoints: Sequence[dict[str, Any] | None],
    *,
    patience: int | None,
    watch: str,
) -> Iterator[tuple[int, Finished | RunFailedError]]:
    """Train runs that differ only in what can be stacked; yields the index and the end of each run as it ends.

    Every run records, saves and ends as it would alone; the group's time is divided evenly. A run whose J or
    parts are not finite, or whose files cannot be written, ends with RunFailedError and does not affect the others.
    Runs that an interruption left behind the others catch up first. Raises Interrupted at a signal, after saving all.
    """
    runs = [
        Progress(each, checkpoint, patience, watch, each.settings.keep_best)
        for each, checkpoint in zip(experiments, checkpoints)
    ]
    group = _Group(experiments, runs)
    under_way = [i for i, run in enumerate(runs) if not run.over]
    for i in sorted(set(range(len(runs))) - set(under_way)):
        yield i, group.ended(i)
    while under_way:
        behind = min(_position(runs[i]) for i in under_way)
        members = [i for i in under_way if _position(runs[i]) == behind]
        for i, end in group.epoch(members):
            under_way.remove(i)
            yield i, end


def _position(run: Progress) -> tuple[int, int]:
    return run.state.epoch, run.state.step_in_epoch


class _Group:
    """The runs, and the stack of the runs that train at the moment."""

    def __init__(self, experiments: Sequence[Experiment], runs: Sequence[Progress]) -> None:
        self.experiments, self.runs, self.first = experiments, runs, experiments[0]
        self.trainer = CopyTrainer(experiments)
        self.evaluation, self.noise_off = self.trainer.evaluation, NoiseOff(self.first)
        self.clock = Clock()
        self.members: list[int] = []
        self.stack: Stack | None = None
        self.failed: dict[int, RunFailedError] = {}  # in the present epoch

    @contextmanager
    def _alone(self, i: int) -> Iterator[None]:
        """Within the block, an error of run i ends this run only."""
        try:
            yield
        except RunFailedError as error:
            self.failed[i] = error

    def _alive(self, members: list[int]) -> list[int]:
        return [i for i in members if i not in self.failed]

    def epoch(self, members: list[int]) -> list[tuple[int, Finished | RunFailedError]]:
        """Train the members for one epoch; returns index and end of each run that has ended."""
        if self.stack is None or members != self.members:
            self.members, self.stack = members, Stack([self.runs[i].state for i in members], self.first.optimizer)
        self.failed = {}
        epoch, signal = self.trainer.epoch(self.stack, [self.experiments[i] for i in members])
        if signal is not None:
            self._save_at(signal, members)
            return list(self.failed.items())  # these are told first: the next epoch ends with the signal
        self._close(epoch, members)
        self._evaluate(members, self._alive(members))
        for i in self._alive(members):
            with self._alone(i):
                self.runs[i].estimate()
        signal = self.first.stop()
        self._save_at(signal, [i for i in self._alive(members) if self.runs[i].save_due or signal is not None])
        finished = self._finish(members, [i for i in self._alive(members) if self.runs[i].over])
        return [*finished, *self.failed.items()]

    def _finish(self, members: list[int], over: list[int]) -> list[tuple[int, Finished]]:
        """Index and end of each stacked member that is over. Raises Interrupted at a signal."""
        if len(over) < len(members) / 2:  # early stopping: the others need no evaluation yet
            ends = [(i, self.ended(i)) for i in over]
            return [(i, end) for i, end in ends if isinstance(end, Finished)]
        rest: dict[str, list[dict[str, float]]] = {}
        for split in self.runs[over[0]].unevaluated:
            rest[split] = self._measured(members, split)
            stop_if_asked(self.first)
        assert self.stack is not None  # these members have been trained
        noise_off = self.noise_off.of_copies(self.stack, self.first.data.splits, [self.experiments[i] for i in members])
        spent = self.clock.read() / len(over)
        finished = []
        for i in over:
            with self._alone(i):
                measures = {split: of[members.index(i)] for split, of in rest.items()}
                finished.append((i, self.runs[i].finish(measures, spent, noise_off[members.index(i)])))
        return finished

    def ended(self, i: int) -> Finished | RunFailedError:
        """The end of a run that is over, evaluated by itself. Raises Interrupted at a signal."""
        with self._alone(i):
            return self._finish_alone(i)
        return self.failed[i]

    def _finish_alone(self, i: int) -> Finished:
        run, rest = self.runs[i], {}
        for split in run.unevaluated:
            state = run.state
            rest[split] = self.evaluation.of(state.evaluated_params, split, self.experiments[i], state.buffers)
            stop_if_asked(self.first)
        state = run.state
        noise_off = self.noise_off.of(
            state.evaluated_params, state.buffers, self.first.data.splits, self.experiments[i]
        )
        return run.finish(rest, self.clock.read(), noise_off)

    def _close(self, epoch: GroupEpoch, members: list[int]) -> None:
        """Give each run its averages; a run that is not finite fails."""
        for i in members:
            with self._alone(i):
                state, suspects = self.runs[i].state, self.experiments[i].suspects
                means = averages(torch.cat(state.history), epoch.sizes, state.names, state.epoch, suspects)
                self.runs[i].trained(means)

    def _evaluate(self, members: list[int], alive: list[int]) -> None:
        """Evaluate the due splits for all members together; the members alive record the result."""
        if not alive or not self.runs[alive[0]].evaluation_due:
            return
        found = {split: self._measured(members, split) for split in self.runs[alive[0]].evaluated_splits}
        for position, i in enumerate(members):
            if i in alive:
                with self._alone(i):
                    self.runs[i].evaluated({split: of[position] for split, of in found.items()})

    def _measured(self, members: list[int], split: str) -> list[dict[str, float]]:
        assert self.stack is not None  # these members are in training
        return self.evaluation.of_copies(self.stack, split, [self.experiments[i] for i in members])

    def _save_at(self, signal: int | None, members: list[int]) -> None:
        if members:
            spent = self.clock.read() / len(members)
            compiling = self.trainer.unread_seconds() / len(members)
        for i in members:
            with self._alone(i):
                self.runs[i].state.compile_seconds += compiling
                self.runs[i].save(spent)
        if signal is not None and not self.failed:
            raise Interrupted(signal)
