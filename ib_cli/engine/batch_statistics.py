"""Statistics of batch normalisation made anew over the train split, for a model whose noise has been switched off."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.modules.batchnorm import _BatchNorm

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Batch
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import Tensors, forward
from ib_cli.engine.passes import Numbers, inputs
from ib_cli.engine.seeds import generator
from ib_cli.model.model import Model


def has_batch_norm(model: Model) -> bool:
    """Whether any part of the model normalises batches."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


@torch.no_grad()
def batch_statistics(
    model: Model,
    data: Data,
    params: Tensors,
    buffers: Tensors,
    *,
    precision: str,
    batch_size: int,
    copies_at_once: int | None = None,
) -> dict[str, Tensor]:
    """The buffers with batch norm's running statistics replaced by means over one pass of the train split.

    Means and variances of batches count by their size; samples are not augmented and dropout is off. The order and
    all other numbers are the same for every model. `copies_at_once`: parameters and buffers have a leading axis,
    (M, …), and so many copies are passed at once.
    """
    found = {name: buffer.clone() for name, buffer in buffers.items()}
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]

    def passed(params: Tensors, buffers: Tensors, batch: Batch, numbers: Numbers) -> Tensor:
        forward(model, params, buffers, batch, Tape(numbers), 1, precision)
        return batch.x.new_zeros(())  # the result is in the buffers

    run = passed
    if copies_at_once is not None:
        run = vmap(passed, in_dims=(0, 0, None, None), chunk_size=copies_at_once)
    seen = 0
    batches = inputs(
        model, data, "train", streams=[generator(data.device, 0, "batch statistics")], samples=1,
        precision=precision, batch_size=batch_size, members=_members(data, batch_size),
    )  # fmt: skip
    try:
        for batch, (numbers,) in batches:
            seen += len(batch.y)
            for norm in norms:
                norm.training, norm.momentum = True, len(batch.y) / seen
            run(params, found, batch, numbers)
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
    return found


def _members(data: Data, batch_size: int) -> Tensor:
    """The train split in random order; a single sample that would be left over, which has no variance, is dropped."""
    N = len(data.splits["train"])
    order = torch.randperm(N, generator=generator(data.device, 0, "order of statistics"), device=data.device)
    return order[:-1] if N % batch_size == 1 and N > 1 else order
