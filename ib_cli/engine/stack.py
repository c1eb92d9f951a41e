"""States of several runs, stacked on a leading axis so that one step trains them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ib_cli.engine.state import State


class Stack:
    """M states at the same step of models with the same parts. Their tensors become views of the stacked ones (M, …).

    Each run is updated as by its own optimiser. Runs may differ in learning rate and weight decay; the optimiser's
    other options are common. All of torch's updates are linear in the learning rate: where rates differ, the update at
    rate 1 is scaled run by run.
    """

    def __init__(self, states: Sequence[State], optimizer: Callable[[Iterable[Tensor]], Optimizer]) -> None:
        """`optimizer` makes the common optimiser of the stacked parameters."""
        self.states = list(states)
        self.params = {name: _stacked([s.params[name] for s in states]).requires_grad_() for name in states[0].params}
        self.buffers = {name: _stacked([s.buffers[name] for s in states]) for name in states[0].buffers}
        self.averaged: dict[str, Tensor] | None = None
        averages = [s.averaged for s in states if s.averaged is not None]  # of all or of none
        if averages:
            self.averaged = {name: _stacked([each[name] for each in averages]) for name in self.params}
            for i, state in enumerate(states):
                state.averaged = {name: average[i] for name, average in self.averaged.items()}
        self.optimizer = optimizer(self.params.values())
        rates, decays = ([s.optimizer.defaults[key] for s in states] for key in ("lr", "weight_decay"))
        device = next(iter(self.params.values())).device
        self.rates = torch.tensor(rates, dtype=torch.float64, device=device)
        self.decays = torch.tensor(decays, device=device)
        self.common = (rates[0], decays[0]) if len(set(rates)) == len(set(decays)) == 1 else None
        self._gather_optimizer()

    @property
    def evaluated_params(self) -> dict[str, Tensor]:
        """The parameters that evaluations use: the averages where there are any."""
        return self.params if self.averaged is None else self.averaged

    def clip(self, norm: float) -> None:
        """Scale each run's gradient to at most this Euclidean norm, as `clip_grad_norm_` does for one run."""
        gradients = [p.grad for p in self.params.values() if p.grad is not None]
        norms = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0).sqrt()
        factors = (norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(_along(factors, gradient))

    @torch.no_grad()
    def step(self, factor: float | Tensor) -> None:
        """One update, at the optimisers' learning rates times a factor: one for all, or (M,) on the device."""
        (group,) = self.optimizer.param_groups
        if self.common is not None and not isinstance(factor, Tensor):
            group["lr"], group["weight_decay"] = self.common[0] * factor, self.common[1]
            self.optimizer.step()
            return
        group["lr"], group["weight_decay"] = 1.0, 0.0
        params = [p for p in self.params.values() if p.grad is not None]  # what J does not depend on stays as it is
        rate, decay = (self.rates * factor).float(), self.decays
        before = [p.clone() for p in params]
        if not isinstance(self.optimizer, AdamW):  # AdamW's decay is part of the update, not of the gradient
            for p in params:
                assert p.grad is not None
                p.grad.add_(_along(decay, p) * p)
        self.optimizer.step()
        shrink = 1 - rate * decay if isinstance(self.optimizer, AdamW) else torch.ones_like(rate)
        for p, old in zip(params, before):
            p.sub_(old).mul_(_along(rate, p)).add_(old * _along(shrink, p))

    def average(self, decay: float) -> None:
        """averaged ← decay · averaged + (1 − decay) · params."""
        if self.averaged is not None:
            with torch.no_grad():
                get_ema_multi_avg_fn(decay)(list(self.averaged.values()), list(self.params.values()), None)

    def share(self) -> None:
        """Give each state its part of the optimiser's state, as a view, for checkpoints and other stacks."""
        for i, state in enumerate(self.states):
            for name, stacked in self.params.items():
                found = self.optimizer.state[stacked]
                own = {key: value[i] if _is_each(key, value) else value for key, value in found.items()}
                state.optimizer.state[state.params[name]] = own

    def _gather_optimizer(self) -> None:
        for name, stacked in self.params.items():
            found = [s.optimizer.state.get(s.params[name], {}) for s in self.states]
            self.optimizer.state[stacked] = {
                key: _joined([each[key] for each in found]) if _is_each(key, value) else value
                for key, value in found[0].items()
            }


def _is_each(key: str, value: Tensor | None) -> bool:
    """Whether this entry of an optimiser's state is stacked over runs; `step` is one for all."""
    return isinstance(value, Tensor) and key != "step"


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([tensor.detach() for tensor in tensors])


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors (…) stacked as one (M, …); each becomes, in place, a view of its part."""
    stacked = _joined(tensors)
    for i, tensor in enumerate(tensors):
        tensor.data = stacked[i]
    return stacked


def _along(values: Tensor, like: Tensor) -> Tensor:
    """Values (M,) with as many dimensions as `like` (M, …)."""
    return values.view(-1, *(1,) * (like.dim() - 1))
