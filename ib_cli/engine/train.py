"""One epoch of training: the loop of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ib_cli.config.settings import Settings
from ib_cli.contracts.errors import RunFailedError
from ib_cli.contracts.noise import Request, draw
from ib_cli.datasets.data import Data
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import Fields, plan
from ib_cli.engine.not_finite import UNSUSPECTED, Suspects, became
from ib_cli.engine.rivals import Rivals
from ib_cli.engine.seeds import continued, generator
from ib_cli.engine.state import State
from ib_cli.model.model import Model
from ib_cli.watch.observer import Observer

SECONDS_BETWEEN_REPORTS = 0.5  # each report waits for the device once


class Reporter:
    """Reports progress to the observers, at most once every SECONDS_BETWEEN_REPORTS over the whole run."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers, self.last = observers, time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for another report."""
        return time.monotonic() - self.last > SECONDS_BETWEEN_REPORTS

    def report(self, epoch: int, step: int, steps: int, averages: Mapping[str, float]) -> None:
        """Report the present epoch (from 0), its steps done, its steps in all, and its averages so far."""
        for observer in self.observers:
            observer.progress(epoch, step, steps, averages)
        self.last = time.monotonic()


def batches(data: Data, batch_size: int, epoch: int, seed: int) -> list[Tensor]:
    """The epoch's sample indices, shuffled and cut into batches; a whole-split batch is repeated, unshuffled.

    A single sample left over after larger batches is dropped: batch normalisation has no variance for it.
    """
    N, device = data.samples, data.device
    if data.whole(batch_size):
        return [torch.arange(N, device=device)] * data.passes
    numbers = generator(device, seed, "order", epoch)
    found: list[Tensor] = []
    for _ in range(data.passes):
        parts = list(torch.randperm(N, generator=numbers, device=device).split(batch_size))
        found += parts[:-1] if len(parts[-1]) == 1 and 1 < batch_size < N else parts
    return found


class Epoch:
    """The steps of one epoch, from the present state to the end of the epoch or to a signal."""

    def __init__(
        self,
        state: State,
        model: Model,
        backward: Backward,
        data: Data,
        settings: Settings,
        multipliers: Mapping[str, float],
        rivals: Rivals | None = None,
        only: Fields | None = None,
        suspects: Suspects = UNSUSPECTED,
    ) -> None:
        """`rivals`: the model's critics, if it has any. `only`: the fields of a pass that the loss reads; None: all.

        `suspects`: what may have made J not finite, as `not_finite.suspects` says.
        """
        self.rivals, self.only, self.suspects = rivals or Rivals(), only, suspects
        self.state, self.model, self.backward, self.data, self.settings = state, model, backward, data, settings
        self.multipliers = {name: torch.tensor(value, device=data.device) for name, value in multipliers.items()}
        self.order = batches(data, settings.batch_size, state.epoch, settings.seed)
        self.whole = data.whole_batch() if data.whole(settings.batch_size) else None
        (self.noise,) = continued(data.device, {settings.seed: state.noise}, "noise", state.epoch)
        self.rate = state.optimizer.defaults["lr"]

    def run(self, requests: dict[int, list[Request]], stop: Callable[[], int | None], reporter: Reporter) -> int | None:
        """Train to the end of the epoch and return None; at a signal, stop and return its number.

        `requests`, kept over epochs, are the random numbers that a pass needs, by batch size. Raises RunFailedError as
        `averages` does.
        """
        state = self.state
        self.model.train()
        for indices in self.order[state.step_in_epoch :]:
            if (signal := stop()) is not None:
                state.noise = self.noise.get_state()
                return signal
            self._step(indices, requests)
            if reporter.due:
                reporter.report(state.epoch, state.step_in_epoch, len(self.order), self.averages())
        return None

    def _step(self, indices: Tensor, requests: dict[int, list[Request]]) -> None:
        state, settings = self.state, self.settings
        batch = self.whole or self.data.batch("train", indices, self.noise)
        if len(indices) not in requests:
            requests[len(indices)] = plan(self.model, batch, settings.samples, settings.precision, self.only)
        of_rivals = self.rivals.turns(state, batch, self.noise, self.multipliers)
        noise = draw(requests[len(indices)], self.noise)
        params, buffers = self.rivals.params_of_model(state.params), self.rivals.buffers_of_model(state.buffers)
        parts = self.backward(params, buffers, batch, noise, self.multipliers) | of_rivals
        if settings.clip is not None:
            clip_grad_norm_(self.rivals.moved_by_model(state.params), settings.clip)
        t = state.epoch + (state.step_in_epoch + 0.5) / len(self.order)
        for group in state.optimizer.param_groups:
            group["lr"] = self.rate * state.schedule.factor(t)
        state.optimizer.step()
        state.average(settings.averaging)
        state.names = list(parts)
        state.history.append(torch.stack(list(parts.values())).unsqueeze(0))
        state.step += 1
        state.step_in_epoch += 1

    def averages(self) -> dict[str, float]:
        """Sample-weighted means of J and its parts over this epoch's steps so far."""
        sizes = [len(indices) for indices in self.order]
        return averages(torch.cat(self.state.history), sizes, self.state.names, self.state.epoch, self.suspects)


def averages(
    history: Tensor, sizes: Sequence[int], names: Sequence[str], epoch: int, suspects: Suspects = UNSUSPECTED
) -> dict[str, float]:
    """Sample-weighted means of J, the functionals and the accuracy over an epoch's steps so far. Waits for the device.

    `history`: batch means, (steps done, parts), in the order of `names`. `sizes`: all batch sizes of the epoch.
    Raises RunFailedError, naming the first such step, its terms and a remedy, where a value is not finite.
    """
    history = history.cpu().double()
    broken = (~history.isfinite()).any(1).nonzero()
    if len(broken):
        step = int(broken[0])
        told, tried = became(dict(zip(names, history[step].tolist()))), suspects.remedy(first=epoch == step == 0)
        raise RunFailedError(f"{told} in epoch {epoch + 1}, step {step + 1}: {tried}")
    weights = torch.tensor(sizes[: len(history)], dtype=history.dtype)
    return dict(zip(names, (weights @ history / weights.sum()).tolist()))
