"""Critics in training: each takes steps on its own loss, with its own optimiser, before each step of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from ib_cli.config.settings import Settings
from ib_cli.contracts.noise import Request, draw
from ib_cli.contracts.passes import Batch
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import Tensors, fields_of, make_loss, plan
from ib_cli.engine.state import State
from ib_cli.functionals.objective import Objective
from ib_cli.model.critics.critic import Critic
from ib_cli.model.model import Model
from ib_cli.system.eager_optimisers import Adam

LOSSES = {"critic_z": "loss_z", "critic_x": "loss_x"}  # critic → the functional that it minimises


def optimisers(model: Model) -> dict[str, Optimizer]:
    """A new optimiser of each critic's parameters, by critic."""
    return {name: _adam(critic) for name, critic in model.critics.items()}


def _adam(critic: Critic) -> Optimizer:
    plan = critic.training_plan
    return Adam(critic.parameters(), lr=plan.lr, betas=plan.betas, fused=True)


def own_parameters(model: Model) -> list[Tensor]:
    """The parameters that the model's own optimiser moves: all but the critics'."""
    return [p for name, p in model.named_parameters() if _owner(name) is None]


class Rival:
    """A critic of a model: its turns before each step of the model."""

    def __init__(self, name: str, model: Model, settings: Settings, device: torch.device) -> None:
        self.name, self.model, self.settings = name, model, settings
        self.training_plan = model.critics[name].training_plan
        objective = Objective({LOSSES[name]: 1})
        self.only = fields_of(objective) - {"label_density"}
        loss = make_loss(model, objective, settings.samples, settings.precision, self.only)
        self.backward = Backward(loss, settings.compile, device)
        self._requests: dict[int, list[Request]] = {}

    def turns(self, state: State, batch: Batch, noise: Generator, multipliers: Tensors) -> dict[str, Tensor]:
        """Steps of this critic's parameters on a batch; nothing else of the state changes. Its loss in the last."""
        optimizer, samples, precision = state.rivals[self.name], self.settings.samples, self.settings.precision
        for group in optimizer.param_groups:
            group["lr"] = self.training_plan.lr * self.training_plan.decay**state.epoch
        if len(batch.y) not in self._requests:
            self._requests[len(batch.y)] = plan(self.model, batch, samples, precision, self.only)
        requests = self._requests[len(batch.y)]
        parts: dict[str, Tensor] = {}
        for _ in range(self.training_plan.turns):
            params = of_player(state.params, self.name)
            buffers = changing(state.buffers, self.name)
            parts = self.backward(params, buffers, batch, draw(requests, noise), multipliers)
            if self.settings.clip is not None:
                clip_grad_norm_(_moved(state.params, self.name), self.settings.clip)
            optimizer.step()
        # A copy, as the results of a CUDA graph last until the next one is called.
        return {LOSSES[self.name]: parts[LOSSES[self.name]].clone()}


@dataclass
class Rivals:
    """The critics of a model in training, in the order of their turns; empty for a model without critics."""

    each: Sequence[Rival] = field(default_factory=list)

    def turns(self, state: State, batch: Batch, noise: Generator, multipliers: Tensors) -> dict[str, Tensor]:
        """All turns before a step of the model; returns the loss of each critic in its last one."""
        found: dict[str, Tensor] = {}
        for rival in self.each:
            found |= rival.turns(state, batch, noise, multipliers)
        return found

    def params_of_model(self, params: Tensors) -> Tensors:
        """The parameters for a step of the model, which changes no critic's."""
        return of_player(params, None) if self.each else params

    def buffers_of_model(self, buffers: Tensors) -> Tensors:
        """The buffers for a step of the model, which changes no critic's."""
        return changing(buffers, None) if self.each else buffers

    def moved_by_model(self, params: Tensors) -> list[Tensor]:
        """The parameters that a step of the model moves."""
        return _moved(params, None)

    def unread(self) -> float:
        """Seconds spent on compiling since the last call."""
        return sum(rival.backward.unread() for rival in self.each)


def rivals(model: Model, settings: Settings, device: torch.device) -> Rivals:
    """The critics of a model, each with its loss."""
    return Rivals([Rival(name, model, settings, device) for name in model.critics])


def of_player(params: Mapping[str, Tensor], player: str | None) -> dict[str, Tensor]:
    """The parameters with a gradient for one player alone: a critic, or None for the model."""
    return {name: p if _owner(name) == player else p.detach() for name, p in params.items()}


def changing(buffers: Mapping[str, Tensor], player: str | None) -> dict[str, Tensor]:
    """The buffers with copies of other players': statistics of batch normalisation change in their owner's turn."""
    return {name: buffer if _owner(name) == player else buffer.clone() for name, buffer in buffers.items()}


def _moved(params: Mapping[str, Tensor], player: str | None) -> list[Tensor]:
    return [p for name, p in params.items() if _owner(name) == player]


def _owner(name: str) -> str | None:
    """The critic that a parameter or buffer belongs to; None for the model."""
    part = name.partition(".")[0]
    return part if part in LOSSES else None
