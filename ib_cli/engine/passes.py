"""Passes of a split through a model in evaluation mode: the one loop that evaluations, estimates and pictures share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Generator as Generates
from contextlib import closing

import torch
from torch import Generator, Tensor

from ib_cli.contracts.noise import Request, Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import Tensors, forward, plan
from ib_cli.model.model import Model

Numbers = tuple[Tensor, ...]  # the random numbers of one pass


@torch.no_grad()
def inputs(
    model: Model,
    data: Data,
    split: str,
    *,
    streams: Sequence[Generator],
    samples: int,
    precision: str,
    batch_size: int,
    members: Tensor | None = None,
    repeats: int = 1,
    plans: dict[int, list[Request]] | None = None,
) -> Generates[tuple[Batch, list[Numbers]], None, None]:
    """Batches of a split in order, each with the random numbers of a pass from every stream.

    The model is in evaluation mode until the iterator ends. `samples`: draws of z per sample. `members`: indices of
    the samples, (n,); None: the whole split. `repeats`: passes of each batch, one after the other, with new numbers.
    `plans`, kept over calls, are the random numbers that a pass needs, by batch size.
    """
    plans = {} if plans is None else plans
    was_training = model.training
    model.eval()
    try:
        if members is None:
            members = torch.arange(len(data.splits[split]), device=data.device)
        for indices in members.split(batch_size):
            batch = data.batch(split, indices)
            if len(indices) not in plans:
                plans[len(indices)] = plan(model, batch, samples, precision)
            for _ in range(repeats):
                yield batch, [draw(plans[len(indices)], stream) for stream in streams]
    finally:
        model.train(was_training)


@torch.no_grad()
def passes(
    model: Model,
    data: Data,
    split: str,
    *,
    params: Tensors,
    buffers: Tensors,
    noise: Generator,
    samples: int = 1,
    precision: str = "fp32",
    batch_size: int,
    members: Tensor | None = None,
    repeats: int = 1,
    plans: dict[int, list[Request]] | None = None,
    keep: Collection[str] = (),
) -> Generates[Pass, None, None]:
    """Passes of a split with the given parameters and buffers, a batch at a time; arguments as for `inputs`.

    A functional of a pass gives nats per sample, `Pass.total` and `Pass.mean` their sum and mean over the batch.
    `keep`: names of noise layers, such as `noise_2`, whose tensors each pass has in `kept`.
    """
    found = inputs(
        model, data, split, streams=[noise], samples=samples, precision=precision, batch_size=batch_size,
        members=members, repeats=repeats, plans=plans,
    )  # fmt: skip
    with closing(found):  # also where a pass fails, so that the model's mode is what it was
        for batch, (numbers,) in found:
            yield forward(model, params, buffers, batch, Tape(numbers, keep), samples, precision)


def draws_numbers(model: Model, data: Data, split: str, precision: str) -> bool:
    """Whether a pass in evaluation mode draws any random number."""
    was_training = model.training
    model.eval()
    try:
        return bool(plan(model, data.batch(split, torch.arange(1, device=data.device)), 1, precision))
    finally:
        model.train(was_training)
