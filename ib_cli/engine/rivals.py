"""Critics in training: each takes steps on its own loss, with its own optimiser, before each step of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Adam, Optimizer

from ib_cli.contracts.passes import Batch
from ib_cli.engine.backward import Backward, Compile
from ib_cli.engine.loss import Tensors, make_loss
from ib_cli.functionals.objective import Objective
from ib_cli.model.model import Model

LOSSES = {"critic_z": "loss_z", "critic_x": "loss_x"}  # critic → the functional that it minimises


def optimisers(model: Model) -> dict[str, Optimizer]:
    """A new optimiser of each critic's parameters, by critic."""
    plans = {name: (critic.parameters(), critic.training_plan) for name, critic in model.critics.items()}
    return {name: Adam(params, lr=plan.lr, betas=plan.betas, fused=True) for name, (params, plan) in plans.items()}


def own_parameters(model: Model) -> list[Tensor]:
    """The parameters that the model's own optimiser moves: all but the critics'."""
    return [p for name, p in model.named_parameters() if name.partition(".")[0] not in model.critics]


@dataclass
class Rival:
    """A critic of a model."""

    name: str
    backward: Backward  # of its loss
    turns: int
    decay: float

    def step(
        self,
        params: Tensors,
        buffers: Tensors,
        batch: Batch,
        noise: tuple[Tensor, ...],
        multipliers: Tensors,
        optimizer: Optimizer,
        epoch: int,
    ) -> dict[str, Tensor]:
        """A step of this critic's parameters; no other changes. Returns the parts of its loss."""
        parts = self.backward(of_player(params, self.name), buffers, batch, noise, multipliers)
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] * self.decay**epoch
        optimizer.step()
        return {name: value for name, value in parts.items() if name == LOSSES[self.name]}


def rivals(model: Model, settings: Any, device: Any) -> list[Rival]:
    """The critics of a model, each with its loss."""
    compile: Compile = settings.compile
    found = []
    for name, critic in model.critics.items():
        loss = make_loss(model, Objective({LOSSES[name]: 1}), settings.samples, settings.precision)
        plan = critic.training_plan
        found.append(Rival(name, Backward(loss, compile, device), plan.turns, plan.decay))
    return found


def of_player(params: Mapping[str, Tensor], player: str | None) -> dict[str, Tensor]:
    """The parameters with a gradient for one player alone: a critic, or None for the model."""
    found = {}
    for name, p in params.items():
        owner = name.partition(".")[0]
        mine = owner == player if player is not None else owner not in LOSSES
        found[name] = p if mine else p.detach()
    return found
