"""The state of a run in training, and its form in a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils._pytree import tree_map_only

from ib_cli.engine.schedules import Schedule
from ib_cli.model.model import Model


@dataclass
class State:
    """Parameters, optimiser, schedule and position of a run. Tensors are the model's own and change in place."""

    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    optimizer: Optimizer
    schedule: Schedule
    averaged: dict[str, Tensor] | None  # exponential moving averages of the parameters, if asked for
    rivals: dict[str, Optimizer] = field(default_factory=dict)  # optimisers of the critics' parameters, by critic
    epoch: int = 0  # epochs completed
    step: int = 0  # steps done in all
    step_in_epoch: int = 0  # steps done in the present epoch
    noise: Tensor | None = None  # the noise generator's state within the present epoch
    names: list[str] = field(default_factory=list)  # names of J and its parts
    history: list[Tensor] = field(default_factory=list)  # their values in the present epoch, (steps, parts) each
    best: float = float("inf")  # early stopping: the lowest value seen
    flat_evaluations: int = 0  # early stopping: evaluations since then
    seconds: float = 0.0  # in all, over interruptions
    compile_seconds: float = 0.0  # of these, on compiling
    estimate_seconds: float = 0.0  # of these, on estimates of information

    @classmethod
    def start(
        cls,
        model: Model,
        optimizer: Optimizer,
        schedule: Schedule,
        averaging: float,
        rivals: dict[str, Optimizer] | None = None,
    ) -> State:
        """A run before its first step. Averages start at the initial parameters."""
        params: dict[str, Tensor] = dict(model.named_parameters())
        averaged = {name: p.detach().clone() for name, p in params.items()} if averaging else None
        return cls(params, dict(model.named_buffers()), optimizer, schedule, averaged, rivals or {})

    @property
    def evaluated_params(self) -> dict[str, Tensor]:
        """The parameters that evaluations use: the averages where there are any."""
        return self.params if self.averaged is None else self.averaged

    def average(self, decay: float) -> None:
        """averaged ← decay · averaged + (1 − decay) · params."""
        if self.averaged is not None:
            with torch.no_grad():
                update = get_ema_multi_avg_fn(decay)
                update(list(self.averaged.values()), list(self.params.values()), None)

    def close_epoch(self) -> None:
        """Count the present epoch as done."""
        self.epoch, self.step_in_epoch, self.noise, self.history = self.epoch + 1, 0, None, []

    def checkpoint(self) -> dict[str, Any]:
        """The state as tensors, numbers and strings alone, so that torch.load(weights_only=True) reads it."""
        found = {
            "params": {name: p.detach() for name, p in self.params.items()},
            "buffers": self.buffers,
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state(),
            **({"rivals": {name: each.state_dict() for name, each in self.rivals.items()}} if self.rivals else {}),
            **{name: getattr(self, name) for name in _PLAIN},
        }
        return tree_map_only(Tensor, _alone, found)

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Restore a state that `checkpoint` returned. Raises KeyError or RuntimeError if it does not fit."""
        with torch.no_grad():
            for name, p in self.params.items():
                p.copy_(checkpoint["params"][name])
            for name, buffer in self.buffers.items():
                buffer.copy_(checkpoint["buffers"][name])
        self.averaged = checkpoint["averaged"]
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        for name, optimizer in self.rivals.items():
            optimizer.load_state_dict(checkpoint["rivals"][name])
        self.schedule.load(checkpoint["schedule"])
        for name in _PLAIN:
            setattr(self, name, checkpoint[name])


def _alone(tensor: Tensor) -> Tensor:
    """The tensor, cloned if it is a view of a larger storage, which would be saved as a whole."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


_PLAIN = (
    "epoch", "step", "step_in_epoch", "noise", "names", "history", "best", "flat_evaluations", "seconds",
    "compile_seconds", "estimate_seconds",
)  # fmt: skip
