"""The one loss: a pure function, called directly for one model and mapped over a leading axis for many."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import vmap

from ib_cli.contracts.noise import Planner, Request, Tape
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.engine.called import called
from ib_cli.engine.draws_that_fit import MANY, bytes_kept, check_draws, few
from ib_cli.functionals.objective import Objective
from ib_cli.model.model import Model

Tensors = Mapping[str, Tensor]
Fields = frozenset[str]  # names of fields of a Pass
LossFunction = Callable[[Tensors, Tensors, Batch, tuple[Tensor, ...], Tensors], tuple[Tensor, dict[str, Tensor]]]


def forward(
    model: Model,
    params: Tensors,
    buffers: Tensors,
    batch: Batch,
    tape: Tape,
    samples: int,
    precision: str,
    only: Fields | None = None,
) -> Pass:
    """A pass with the given parameters and buffers; with drawn weights, these describe the distribution of the weights.

    `only`: the fields that are read; what else a pass has need not be made. Buffers are updated in place (batch norm).
    """
    call = called if model.weights is None else model.weights.functional_call
    with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return call(model, {**params, **buffers}, (batch, tape, samples), {"only": only})


def fields_of(objective: Objective) -> Fields:
    """The fields of a pass that a step on this objective reads."""
    return objective.needs | {"label_density"}  # of the predictions, which are measured in every step


def prediction_measures(p: Pass) -> dict[str, Tensor]:
    """How well y is predicted, per sample, (B,): `accuracy`, 1 where the label has the largest E_{q(z|x)} c(y|z).

    Where labels are not certain, it is the probability of the label with the largest E_{q(z|x)} c(y|z). A continuous y
    has `mse` instead: the squared error of the mean of E_{q(z|x)} c(y|z), averaged over y's dimensions.
    Empty where the model does not predict y.
    """
    if p.label_density is None:
        return {}
    if p.class_logits is None:
        return {"mse": (p.expected(p.label_density.mean) - p.y).square().mean(-1)}
    return {"accuracy": p.right(p.of_samples(p.expected(p.class_logits.softmax(-1)).argmax(-1)))}


def make_loss(
    model: Model, objective: Objective, samples: int, precision: str, only: Fields | None = None
) -> LossFunction:
    """(parameters, buffers, batch, noise, multipliers) → J and its parts: each functional, and the accuracy or mse.

    Nothing else goes in. The parts are detached scalars, batch means in nats; `noise` comes from `draw(plan(…))`, with
    the same fields: `only`, or `fields_of` the objective.
    """
    only = fields_of(objective) if only is None else only

    def loss(
        params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...], multipliers: Tensors
    ) -> tuple[Tensor, dict[str, Tensor]]:
        p = forward(model, params, buffers, batch, Tape(noise), samples, precision, only)
        J, parts = objective(p, multipliers)
        parts = {"J": J, **parts}
        parts |= {name: p.mean(values) for name, values in prediction_measures(p).items()}
        return J, {name: value.detach() for name, value in parts.items()}

    return loss


def loss_of_copies(loss: LossFunction, axis: int | None, same: bool = False) -> LossFunction:
    """The loss of M copies: parameters, buffers and multipliers have a leading axis, (M, …); J and its parts are (M,).

    `axis`: the leading axis of batch and noise, 0, or None where all copies share them. `same`: whether all copies
    share the batch, whatever the noise is.
    """
    of_batch = None if same else axis

    def of_copies(
        params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...], multipliers: Tensors
    ) -> tuple[Tensor, dict[str, Tensor]]:
        of_parts = Batch._make(None if part is None else of_batch for part in batch)
        return vmap(loss, in_dims=(0, 0, of_parts, axis, 0))(params, buffers, batch, noise, multipliers)

    return of_copies


@torch.no_grad()
def plan(model: Model, batch: Batch, samples: int, precision: str, only: Fields | None = None) -> list[Request]:
    """The random numbers that a pass of such a batch needs, in the model's present mode. Changes nothing.

    `only`: the fields that are read, as for `forward`. Raises TooLargeError for more draws than memory holds.
    """

    def planned(batch: Batch, samples: int) -> tuple[Pass, list[Request]]:
        planner = Planner(batch.x.device)
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        params = dict(model.named_parameters())
        return forward(model, params, buffers, batch, planner, samples, precision, only), planner.requests

    if samples > MANY:
        first = few(batch)
        one, two = (bytes_kept(*planned(first, draws)) for draws in (1, 2))
        check_draws((two - one) // len(first.y), samples, len(batch.y), batch.x.device)
    return planned(batch, samples)[1]
