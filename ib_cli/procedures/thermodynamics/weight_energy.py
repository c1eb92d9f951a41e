"""The objective as a function of all parameters of many chains at once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeGuard

import torch
from torch import Generator, Tensor, nn
from torch.func import grad_and_value

from ib_cli.contracts.noise import draw
from ib_cli.contracts.passes import Batch
from ib_cli.engine.loss import loss_of_copies, make_loss, plan
from ib_cli.experiment.experiment import Experiment
from ib_cli.sampling.boltzmann import Point


class WeightEnergy:
    """J of an experiment's objective on its train split, per sample, as an energy of θ (M, d): one chain per row.

    An exact energy takes the whole split in float64, because N J/σ must be precise to less than 1. Any other takes
    `batch_size` samples, drawn anew for each chain with replacement, or the whole split if it is no larger, and noise
    drawn for each chain.
    """

    def __init__(self, experiment: Experiment, exact: bool) -> None:
        settings, self.data = experiment.settings, experiment.data
        self.dtype = torch.float64 if exact else torch.float32
        self.model = deepcopy(experiment.model).to(self.dtype).train()
        self.shapes = {name: p.shape for name, p in self.model.named_parameters()}
        self.size = sum(shape.numel() for shape in self.shapes.values())
        self.N, self.batch_size = len(self.data.splits["train"]), settings.batch_size
        self.whole = exact or self.batch_size >= self.N
        first = self._batch(torch.arange(self.N if self.whole else self.batch_size, device=self.data.device), None)
        self.requests = plan(self.model, first, settings.samples, settings.precision)
        self.fixed = first if self.whole and self.data.augmentation is None else None
        loss = make_loss(self.model, experiment.objective, settings.samples, settings.precision)
        self.shared = self.fixed is not None and not self.requests
        many = loss_of_copies(loss, None if self.shared else 0, same=self.fixed is not None)

        def total(*arguments: Any) -> tuple[Tensor, dict[str, Tensor]]:
            J, parts = many(*arguments)
            return J.sum(), parts

        self._gradient = grad_and_value(total, has_aux=True)
        self.multipliers = {
            name: torch.tensor(value, device=self.data.device, dtype=self.dtype)
            for name, value in experiment.multipliers.items()
        }
        self.names: list[str] = []  # names of a point's parts: J, the functionals and the accuracy
        self.stream: Generator | None = None  # for batches and noise; the caller sets it

    @property
    def random(self) -> bool:
        """Whether the energy differs from call to call."""
        return not self.shared

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """θ (M, d) as the parameters by name, (M, …)."""
        parts = theta.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {name: part.view(-1, *shape) for (name, shape), part in zip(self.shapes.items(), parts)}

    def __call__(self, theta: Tensor) -> Point:
        """The energy, its gradient and the parts of J at θ (M, d), all (M, …)."""
        M = len(theta)
        batch = self.fixed
        noise: tuple[Tensor, ...] = ()
        if batch is None:
            batch = self._batches(M)
        if self.requests:
            assert self.stream is not None  # whoever calls has set it
            drawn = [draw(self.requests, self.stream) for _ in range(M)]
            noise = tuple(map(torch.stack, zip(*drawn)))
        buffers, multipliers = (
            {name: value.expand(M, *value.shape) for name, value in tensors.items()}
            for tensors in (dict(self.model.named_buffers()), self.multipliers)
        )
        gradients, (_, parts) = self._gradient(self.named(theta), buffers, batch, noise, multipliers)
        self.names = list(parts)
        gradient = torch.cat([gradients[name].flatten(1) for name in self.shapes], dim=1)
        return Point(theta, parts["J"], gradient, torch.stack(list(parts.values()), dim=1).to(self.dtype))

    def _batches(self, M: int) -> Batch:
        """A batch for each chain: (M, B, …)."""
        if self.whole:
            indices = torch.arange(self.N, device=self.data.device).repeat(M)
        else:
            indices = torch.randint(self.N, (M * self.batch_size,), generator=self.stream, device=self.data.device)
        batch = self._batch(indices, self.stream)
        return Batch._make(None if part is None else part.view(M, -1, *part.shape[1:]) for part in batch)

    def _batch(self, indices: Tensor, stream: Generator | None) -> Batch:
        made = self.data.batch("train", indices, stream)
        return Batch._make(part.to(self.dtype) if _is_real(part) else part for part in made)


def named_parameters(model: nn.Module, theta: Tensor) -> dict[str, Tensor]:
    """θ (M, d) as a model's parameters by name, (M, …), in the model's precision."""
    own = dict(model.named_parameters())
    parts = theta.split([p.numel() for p in own.values()], dim=1)
    return {name: part.view(-1, *p.shape).to(p.dtype) for (name, p), part in zip(own.items(), parts)}


def _is_real(part: Tensor | None) -> TypeGuard[Tensor]:
    return part is not None and part.is_floating_point()
