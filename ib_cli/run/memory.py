"""How much memory a run takes in training, and how much there is."""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.contracts.noise import draw
from ib_cli.engine.draws_that_fit import free_memory
from ib_cli.engine.loss import make_loss, plan
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment

SHARE = 0.6  # of the free memory: the rest is for evaluations, caches and other programs
COPIES = 6  # of the parameters: values, gradient, two moments, average, and the old values during an update


def bytes_of(experiment: Experiment) -> int:
    """Bytes that one run adds to a stack: copies of its parameters, batch and noise, and tensors kept for the gradient.

    The kept tensors are measured in a forward pass of a full batch.
    """
    settings, model, data = experiment.settings, experiment.model, experiment.data
    size = min(settings.batch_size, len(data.splits["train"]))
    numbers = generator(data.device, settings.seed, "memory")
    batch = data.batch("train", torch.arange(size, device=data.device), numbers)
    was_training = model.training
    model.train()
    noise = draw(plan(model, batch, settings.samples, settings.precision), numbers)
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    params = dict(model.named_parameters())
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    multipliers = {name: torch.tensor(value, device=data.device) for name, value in experiment.multipliers.items()}
    loss = make_loss(model, experiment.objective, settings.samples, settings.precision)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss(params, buffers, batch, noise, multipliers)
    model.train(was_training)
    parameters = sum(p.nbytes for p in params.values())
    passing = sum(tensor.nbytes for tensor in (*batch, *noise) if tensor is not None)
    return COPIES * parameters + passing + 2 * sum(kept.values())  # twice: their gradients take as much


def available(device: torch.device) -> int:
    """Bytes that a stack may take."""
    free = free_memory(device)
    return 2**32 if free is None else int(SHARE * free)
