"""Categorical Z with known p(z|x): every quantity is a sum, exact for the samples at hand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.estimate import Estimate

TOLERANCE = 1e-4  # largest deviation of a row's sum from 1


def optimal_decoder(table: Tensor, y: Tensor) -> Tensor:
    """p(y|z) (C, classes) by Bayes from p(z|x) (N, C) and labels (N,), classes in the order of the labels.

    Its cross-entropy on these samples is H[Y|Z], the lowest of any classifier. The row of a code that no sample uses is
    p(y). Raises ValueError as `categorical_information` does.
    """
    table = _checked_table(table)
    index, counts = checked.classes(y, len(table), at_least=1, device=table.device)
    share = _shares(None, table)
    return _decoder(_joint(table, index, len(counts), share), _of_classes(share, index, len(counts)))


def categorical_information(
    table: Tensor, y: Tensor | None = None, weight: Tensor | None = None, noise: float = 0.0
) -> dict[str, Estimate]:
    """H[Z], H[Z|X], I[X;Z] and, with labels, H[Y], H[Z|Y], I[Y;Z], I[X;Z|Y], H[Y|Z] and I[X;Y|Z] in nats, exact for the
    samples at hand.

    `table` (N, C) is p(z|x), `y` (N,) the labels. x is uniform on the N samples, or distributed as `weight` (N,). p(z)
    and p(z|y) are means of rows ("Unpacking Information Bottlenecks", §5.4). Each quantity is a mean over samples, e.g.
    I[Y;Z] of Σ_z p(z|x_i) ln p(z|y_i)/p(z), so all identities hold to rounding. The standard error says how far the
    population's value may be: it holds the error of this mean and, to first order, its bias by p(z) and p(z|y) of so
    few samples (`_shortfall`), which makes I[Y;Z] too large. With weights it is None. `noise` is H[Y|X] of the labels
    in nats, 0 where x determines y.

    Raises ValueError for NaN, infinities, rows that are no probabilities, labels that are not integers or do not match,
    and weights that are negative, all 0 or not N numbers.
    """
    table = _checked_table(table)
    share = _shares(weight, table)
    p_z = share @ table
    of_z, of_x = -_weighted_log(table, p_z), -_weighted_log(table, table)
    terms = {"H[Z]": of_z, "H[Z|X]": of_x, "I[X;Z]": of_z - of_x}
    bias = dict.fromkeys(terms, _shortfall(table, torch.zeros_like(share, dtype=torch.long), 1)) | {"H[Z|X]": 0.0}
    if y is not None:
        index, counts = checked.classes(y, len(table), at_least=1, device=table.device)
        p_y = _of_classes(share, index, len(counts))
        joint = _joint(table, index, len(counts), share)
        of_y = -_weighted_log(table, (joint / p_y.unsqueeze(1))[index])
        surprise = -p_y[index].log()
        of_y_given_z = surprise - of_z + of_y
        terms = {"H[Y]": surprise} | terms
        terms |= {"H[Z|Y]": of_y, "I[Y;Z]": of_z - of_y, "I[X;Z|Y]": of_y - of_x}
        terms |= {"H[Y|Z]": of_y_given_z, "I[X;Y|Z]": of_y_given_z - noise}
        within = _shortfall(table, index, len(counts))
        bias |= {"H[Y]": 0.0, "H[Z|Y]": within, "I[X;Z|Y]": within}
        bias |= dict.fromkeys(("I[Y;Z]", "H[Y|Z]", "I[X;Y|Z]"), within - bias["H[Z]"])
    known = bias if weight is None else dict.fromkeys(terms)
    return {name: _mean(name, values, share, known[name]) for name, values in terms.items()}


def _shortfall(table: Tensor, index: Tensor, classes: int) -> float:
    """By how much the entropy of Z within each of the classes is too low in the mean, in nats, to first order.

    The plug-in entropy of p̂, a mean of n rows, is too low by Σ_z Var p(z|x)/2n p(z). For rows that are 0 but for one
    code this is Miller's (M − 1)/2n.
    """
    sums = torch.zeros(classes, table.shape[1], dtype=table.dtype, device=table.device)
    squares = sums.index_add(0, index, table.square())
    sums = sums.index_add(0, index, table)
    return float((squares / sums.clamp(min=torch.finfo(sums.dtype).tiny)).sum() - classes) / (2 * len(table))


def _shares(weight: Tensor | None, table: Tensor) -> Tensor:
    """p(x) of the samples, (N,) float64."""
    if weight is None:
        return torch.full((len(table),), 1 / len(table), dtype=torch.float64, device=table.device)
    weight = inputs.given(weight, "weights").to(table)
    if weight.shape != table.shape[:1] or not bool((weight >= 0).all()) or not bool(0 < weight.sum() < math.inf):
        raise ValueError(f"weights must be {len(table)} numbers that are not negative, and not all 0")
    return weight / weight.sum()


def _of_classes(share: Tensor, index: Tensor, classes: int) -> Tensor:
    """p(y) (classes,)."""
    return torch.zeros(classes, dtype=share.dtype, device=share.device).index_add_(0, index, share)


def _joint(table: Tensor, index: Tensor, classes: int, share: Tensor) -> Tensor:
    """p(y, z) (classes, C)."""
    sums = torch.zeros(classes, table.shape[1], dtype=torch.float64, device=table.device)
    return sums.index_add_(0, index, table * share.unsqueeze(1))


def _decoder(joint: Tensor, p_y: Tensor) -> Tensor:
    p_z = joint.sum(0)
    return torch.where(p_z.unsqueeze(1) > 0, joint.T / p_z.unsqueeze(1), p_y)


def _weighted_log(weights: Tensor, p: Tensor) -> Tensor:
    """Σ_z weights ln p (N,), where 0 ln 0 = 0."""
    return torch.special.xlogy(weights, p).sum(1)


def _mean(quantity: str, terms: Tensor, share: Tensor, bias: float | None) -> Estimate:
    """The mean of `terms` (N,), weighted by `share` (N,); no standard error where the `bias` is not known.

    Samples of weight 0 add nothing: their terms are NaN or infinite where their class has probability 0.
    """
    n, value = len(terms), float(share @ terms.where(share > 0, 0))
    stderr = None if bias is None else math.hypot(float(terms.std()) / math.sqrt(n), bias)
    return Estimate(quantity, "categorical", value, stderr=stderr, n=n)


def _checked_table(table: Tensor) -> Tensor:
    """Probabilities in float64, each row divided by its sum. ValueError unless the sum is 1 within `TOLERANCE`."""
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
