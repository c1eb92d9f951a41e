"""Data → the laws of their splits, as the exact solver takes them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.passes import needed
from ib_cli.datasets.data import Data
from ib_cli.exact.gibbs import Law

MOST = 2_000  # different x
ROWS = 1_000  # samples at a time


def laws_of(data: Data, scale: float) -> dict[str, Law]:
    """The law of x and y in each split, over the different x of all splits together, in sorted order.

    x is what a model sees, flat, and divided by `scale` √2, so that a Gaussian of that scale has variance ½. Labels of
    one x are gathered in its row, by their probabilities where they are not certain.
    """
    found = {name: _rows(data, name) for name in data.splits}
    together = torch.cat([x for x, _ in found.values()])
    x, row = together.unique(dim=0, return_inverse=True)
    laws, start = {}, 0
    for name, (own, weights) in found.items():
        joint = torch.zeros(len(x), needed(data.spec.classes), dtype=torch.float64)
        joint.index_add_(0, row[start : start + len(own)], weights)
        laws[name] = Law(x / (math.sqrt(2) * scale), joint / joint.sum())
        start += len(own)
    return laws


def too_many(data: Data) -> bool:
    """Whether the data have more than 2,000 different x."""
    first = torch.cat([split.x.flatten(1)[: 4 * MOST] for split in data.splits.values()])  # all would take a minute
    return len(first.unique(dim=0)) > MOST


def _rows(data: Data, split: str) -> tuple[Tensor, Tensor]:
    """x (N, n) as a model sees it, and the weight of each of its labels (N, Y), float64 on the CPU."""
    x, weights = [], []
    for indices in torch.arange(len(data.splits[split]), device=data.device).split(ROWS):
        batch = data.batch(split, indices)
        x.append(batch.x.flatten(1).double().cpu())
        labels = one_hot(batch.y.cpu(), needed(data.spec.classes)).double()
        weights.append(labels if batch.weight is None else labels * batch.weight.double().cpu()[:, None])
    return torch.cat(x), torch.cat(weights)
