"""One epoch of several runs at once: the same steps as `train.Epoch`, on a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ib_cli.config.settings import Settings
from ib_cli.contracts.noise import Request, draw
from ib_cli.contracts.passes import Batch
from ib_cli.datasets.data import Data
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import plan
from ib_cli.engine.seeds import continued
from ib_cli.engine.stack import Stack
from ib_cli.engine.train import batches
from ib_cli.model.model import Model


class GroupEpoch:
    """The steps of one epoch of M runs, from their present states to the end of the epoch or to a signal.

    Each run gets the sample order and the noise of its own seed, as it would alone; runs with one seed share them. A
    run whose loss is not finite does not affect the others: nothing is summed over runs but their losses.
    """

    def __init__(
        self,
        stack: Stack,
        model: Model,
        backward: Callable[[int | None], Backward],
        data: Data,
        settings: Sequence[Settings],
        multipliers: Sequence[Mapping[str, float]],
    ) -> None:
        """`settings` and `multipliers`: one per run, in the order of the stack; settings differ in the seed at most.

        `backward` returns the `Backward` of the mapped loss for the leading axis of noise and batch: 0, or None if the
        runs share them. A batch that is the whole split has no leading axis.
        """
        self.stack, self.model, self.data, self.settings = stack, model, data, settings[0]
        self.state = state = stack.states[0]
        device = data.device
        self.multipliers = {
            name: torch.tensor([values[name] for values in multipliers], device=device) for name in multipliers[0]
        }
        seeds = [each.seed for each in settings]
        streams = list(dict.fromkeys(seeds))
        self.own_stream = [streams.index(seed) for seed in seeds]
        self.stream_of = torch.tensor(self.own_stream, device=device)
        self.backward = backward(0 if len(streams) > 1 else None)
        batch_size = self.settings.batch_size
        self.orders = [batches(data, batch_size, state.epoch, seed) for seed in streams]
        self.whole = data.whole_batch() if data.whole(batch_size) else None
        saved = {seed: stack.states[seeds.index(seed)].noise for seed in streams}
        self.noises = continued(device, saved, "noise", state.epoch)
        self.history: list[Tensor] = []  # (parts, M) of each step
        self.factors = self._factors(len(self.orders[0]))

    @property
    def sizes(self) -> list[int]:
        """Batch sizes."""
        return [len(indices) for indices in self.orders[0]]

    def run(self, requests: dict[int, list[Request]], stop: Callable[[], int | None]) -> int | None:
        """Train to the end of the epoch and return None; at a signal, stop and return its number.

        `requests`, kept over epochs, are the random numbers that a pass needs, by batch size.
        """
        self.model.train()
        first = self.state.step_in_epoch
        signal = None
        for position in range(first, len(self.orders[0])):
            if (signal := stop()) is not None:
                break
            self._step(position, requests)
        self.stack.share()
        self._hand_over(len(self.history))
        return signal

    def _step(self, position: int, requests: dict[int, list[Request]]) -> None:
        stack, settings = self.stack, self.settings
        first, batch = self._made(position)
        size = len(first.y)
        if size not in requests:
            requests[size] = plan(self.model, first, settings.samples, settings.precision)
        numbers = [draw(requests[size], noise) for noise in self.noises]
        noise = tuple(map(self._laid_out, zip(*numbers)))
        parts = self.backward(stack.params, stack.buffers, batch, noise, self.multipliers)
        if settings.clip is not None:
            stack.clip(settings.clip)
        stack.step(self.factors[position])
        stack.average(settings.averaging)
        self.names = list(parts)
        self.history.append(torch.stack(list(parts.values())))

    def _factors(self, steps: int) -> list[float | Tensor]:
        """The factor of the learning rate at each step: one for all runs, or (M,) where a schedule follows each J.

        On the device before the first step: a copy within the epoch would wait for it.
        """
        states = self.stack.states if self.state.schedule.state() else [self.state]
        times = [self.state.epoch + (position + 0.5) / steps for position in range(steps)]
        found = [[state.schedule.factor(t) for state in states] for t in times]
        if all(len(set(each)) == 1 for each in found):
            return [each[0] for each in found]
        rows = torch.tensor(found, dtype=torch.float64, device=self.data.device)
        return [each[0] if len(set(each)) == 1 else row for each, row in zip(found, rows)]

    def _made(self, position: int) -> tuple[Batch, Batch]:
        """The batch of the first stream, and the batches of all runs."""
        if self.whole is not None:
            return self.whole, self.whole
        made = [self.data.batch("train", order[position], noise) for order, noise in zip(self.orders, self.noises)]
        return made[0], Batch._make(None if parts[0] is None else self._laid_out(parts) for parts in zip(*made))

    def _laid_out(self, of_streams: tuple[Tensor, ...]) -> Tensor:
        """One tensor per stream as one per run, (M, …); unchanged if all runs share one stream."""
        if len(of_streams) == 1:
            return of_streams[0]
        stacked = torch.stack(of_streams)
        return stacked if len(of_streams) == len(self.stream_of) else stacked[self.stream_of]

    def _hand_over(self, steps: int) -> None:
        """Write the steps' history, their count and the noise generator's state to each run's state."""
        if not steps:
            return
        history = torch.stack(self.history)
        for i, state in enumerate(self.stack.states):
            state.names = self.names
            state.history = [*state.history, history[:, :, i]]
            state.step += steps
            state.step_in_epoch += steps
            state.noise = self.noises[self.own_stream[i]].get_state()
