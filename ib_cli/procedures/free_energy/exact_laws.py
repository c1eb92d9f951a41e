"""Data → the laws of their splits, as exact solvers take them, and what is measured under them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.passes import needed
from ib_cli.datasets.data import Data
from ib_cli.exact.gibbs import Costs, Law, functionals
from ib_cli.procedures.free_energy.surface import Place

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


def measures_of(law: Law, of: Costs, c: Tensor, e: Tensor, place: Place, constant: float) -> dict[str, float]:
    """Measures under a law by name, nats: `exact.gibbs.functionals`; `constant` is D's part that no code changes."""
    found = functionals(law, of, c, e)
    F = found.R + place.lambda_ * found.D + place.gamma * found.C
    return {
        "R": found.R,
        "D": found.D + constant,
        "D_error": found.D,
        "C": found.C,
        "F": F,
        "J": F + place.lambda_ * constant,
        "accuracy": found.accuracy,
        "error": 1 - found.accuracy,
        "error_bound": -math.expm1(-found.C),
    }


def sides_of(t: float, difference: float) -> list[tuple[float, float]]:
    """Weights and places of a difference in t within [0, 1]: central, at its ends one-sided of second order."""
    h = min(difference, 0.25)
    if t - h >= 0 and t + h <= 1:
        return [(1 / (2 * h), t + h), (-1 / (2 * h), t - h)]
    h = h if t - h < 0 else -h  # (−3 f(t) + 4 f(t + h) − f(t + 2h)) / 2h
    return [(weight / (2 * h), t + step * h) for step, weight in enumerate((-3, 4, -1))]


def unsolvable(data: Data) -> str:
    """Why data have no law that is solved exactly; '' where they have one."""
    if data.spec.classes is None:
        return "needs labels, and y is continuous here"
    if data.augmentation is not None:
        return "augmented images have no law of their own: set dataset.crop=0, dataset.flip=false"
    first = torch.cat([split.x.flatten(1)[: 4 * MOST] for split in data.splits.values()])  # all would take a minute
    if len(first.unique(dim=0)) > MOST:
        return f"the data have more than {MOST:,} different x: set dataset.train_size and dataset.test_size"
    return ""


def _rows(data: Data, split: str) -> tuple[Tensor, Tensor]:
    """x (N, n) as a model sees it, and the weight of each of its labels (N, Y), float64 on the CPU."""
    x, weights = [], []
    for indices in torch.arange(len(data.splits[split]), device=data.device).split(ROWS):
        batch = data.batch(split, indices)
        x.append(batch.x.flatten(1).double().cpu())
        certain = getattr(batch, "y_probabilities", None)
        labels = (
            one_hot(batch.y.cpu(), needed(data.spec.classes)).double() if certain is None else certain.double().cpu()
        )
        weights.append(labels if batch.weight is None else labels * batch.weight.double().cpu()[:, None])
    return torch.cat(x), torch.cat(weights)
