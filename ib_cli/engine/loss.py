"""The one loss: a pure function, called directly for one model and mapped over a leading axis for many."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ib_cli.contracts import Batch, Pass
from ib_cli.model import Model
from ib_cli.objective import Objective
from ib_cli.tape import Planner, Request, Tape

Tensors = Mapping[str, Tensor]
LossFunction = Callable[[Tensors, Tensors, Batch, tuple[Tensor, ...], Tensors], tuple[Tensor, dict[str, Tensor]]]


def forward(
    model: Model, params: Tensors, buffers: Tensors, batch: Batch, tape: Tape, samples: int, precision: str
) -> Pass:
    """A pass with the given parameters and buffers; buffers are updated in place (batch norm)."""
    with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return functional_call(model, (dict(params), dict(buffers)), (batch, tape, samples))


def predicted(p: Pass) -> Tensor:
    """The label with the largest E_{q(z|x)} c(y|z), (B,)."""
    return p.expected(p.class_logits.softmax(-1)).argmax(-1)


def make_loss(model: Model, objective: Objective, samples: int, precision: str) -> LossFunction:
    """(parameters, buffers, batch, noise, multipliers) → J and its parts: each functional and the accuracy.

    Nothing else goes in, and parts are detached scalars; `noise` is what `draw` makes of `plan`.
    """

    def loss(
        params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...], multipliers: Tensors
    ) -> tuple[Tensor, dict[str, Tensor]]:
        p = forward(model, params, buffers, batch, Tape(noise), samples, precision)
        J, parts = objective(p, multipliers)
        parts = {"J": J, **parts}
        if p.class_logits is not None:
            parts["accuracy"] = p.mean((predicted(p) == p.y).float())
        return J, {name: value.detach() for name, value in parts.items()}

    return loss


def of_many(loss: LossFunction, axis: int | None, weighted: bool) -> LossFunction:
    """The loss of many models, whose parameters, buffers and multipliers have a leading axis 0.

    Batch and noise have theirs at `axis`, or share one; `weighted` is whether the batch's samples have weights.
    """
    return vmap(loss, in_dims=(0, 0, Batch(axis, axis, axis if weighted else None), axis, 0))


@torch.no_grad()
def plan(model: Model, batch: Batch, samples: int, precision: str) -> list[Request]:
    """The random numbers that a pass of such a batch asks for, in the model's present mode. Changes nothing."""
    planner = Planner(batch.x.device)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    forward(model, dict(model.named_parameters()), buffers, batch, planner, samples, precision)
    return planner.requests
