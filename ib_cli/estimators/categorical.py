"""Categorical Z with known p(z|x): every quantity is a sum, exact for the samples at hand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ib_cli.estimators import checked
from ib_cli.estimators.estimate import Estimate

TOLERANCE = 1e-4  # by which a row of probabilities may miss 1


def optimal_decoder(table: Tensor, y: Tensor) -> Tensor:
    """p(y|z) (C, classes) by Bayes from p(z|x) (N, C) and labels (N,), classes in the order of the labels.

    No classifier has a lower cross-entropy on these samples than this one, whose is H[Y|Z]. A code that no sample uses
    tells nothing: its row is p(y). Raises ValueError as `categorical_information` does.
    """
    table = _checked_table(table)
    index, counts = checked.classes(y.to(table.device), len(table), at_least=1)
    return _decoder(_joint(table, index, len(counts)), counts)


def categorical_information(table: Tensor, y: Tensor | None = None) -> dict[str, Estimate]:
    """H[Z], H[Z|X], I[X;Z] and, with labels, H[Z|Y], I[Y;Z], I[X;Z|Y], H[Y|Z] in nats, exact for the samples at hand.

    From p(z|x) `table` (N, C) and labels `y` (N,), with x uniform on the N samples: p(z) and p(z|y) are means of rows
    ("Unpacking Information Bottlenecks", §5.4). Each quantity is written as a mean over samples, e.g. I[Y;Z] of Σ_z
    p(z|x_i) ln p(z|y_i)/p(z), so that all identities hold to rounding; the standard errors are of those means and say
    how far the population's values may be. Raises ValueError for NaN, infinities, rows that are no probabilities, and
    labels that are not integers or do not match.
    """
    table = _checked_table(table)
    p_z = table.mean(0)
    of_z, of_x = -_weighted_log(table, p_z), -_weighted_log(table, table)
    terms = {"H[Z]": of_z, "H[Z|X]": of_x, "I[X;Z]": of_z - of_x}
    if y is not None:
        index, counts = checked.classes(y.to(table.device), len(table), at_least=1)
        joint = _joint(table, index, len(counts))
        p_y = counts.double() / len(table)
        of_y = -_weighted_log(table, (joint / p_y.unsqueeze(1))[index])
        surprise = -p_y[index].log()
        terms |= {"H[Z|Y]": of_y, "I[Y;Z]": of_z - of_y, "I[X;Z|Y]": of_y - of_x, "H[Y|Z]": surprise - of_z + of_y}
    return {name: _mean(name, values) for name, values in terms.items()}


def _joint(table: Tensor, index: Tensor, classes: int) -> Tensor:
    """p(y, z) (classes, C)."""
    sums = torch.zeros(classes, table.shape[1], dtype=torch.float64, device=table.device)
    return sums.index_add_(0, index, table) / len(table)


def _decoder(joint: Tensor, counts: Tensor) -> Tensor:
    p_z = joint.sum(0)
    p_y = counts.double() / counts.sum()
    return torch.where(p_z.unsqueeze(1) > 0, joint.T / p_z.unsqueeze(1), p_y)


def _weighted_log(weights: Tensor, p: Tensor) -> Tensor:
    """Σ_z weights ln p (N,), where 0 ln 0 = 0."""
    return torch.special.xlogy(weights, p).sum(1)


def _mean(quantity: str, terms: Tensor) -> Estimate:
    n = len(terms)
    return Estimate(quantity, "categorical", float(terms.mean()), stderr=float(terms.std()) / math.sqrt(n), n=n)


def _checked_table(table: Tensor) -> Tensor:
    """Probabilities in float64, each row divided by its sum, which is 1 up to rounding."""
    if table.dim() != 2:
        raise ValueError(f"p(z|x) must have the shape (samples, codes), not {tuple(table.shape)}")
    table = checked.matrix(table, "p(z|x)")
    sums = table.sum(1, keepdim=True)
    if bool((table < 0).any()) or bool(((sums - 1).abs() > TOLERANCE).any()):
        worst = float(sums[(sums - 1).abs().argmax()])
        raise ValueError(
            f"rows of p(z|x) must be probabilities: smallest entry {float(table.min()):.3g}, a row's sum {worst:.6g}"
        )
    return table / sums
