"""Lower bounds of information from held-out regressions: they show where another estimate is too low.

Barber and Agakov 2003, "The IM Algorithm": I[T;Z] ≥ E ln q(t|z)/p(t) for every conditional density q. Here q comes from
ridge regressions, cheap enough to run beside a neighbour search, on features that see half-spaces, shells and products
of two dimensions. A bound that finds nothing says nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from ib_cli.estimators.robust import standardised
from ib_cli.system.eager_optimisers import LBFGS

MOST = 4000  # samples used, drawn at random from more
FEWEST = 100  # with fewer samples a regression shows nothing
PRODUCTS = 30  # products of two dimensions among the features
WORK = 300_000  # pairs of dimensions looked at for products, over all targets
TARGETS = 40  # largest number of classes
CLIP = 5.0  # standardised values beyond are cut, so that no outlier rules a regression
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # penalties tried, relative to the number of samples
MOST_LEVERAGE = 0.9  # of a sample on its own prediction
SCALE = 4.0  # first guess of the scale of a classifier's scores


@dataclasses.dataclass(frozen=True)
class LowerBound:
    """The terms of a lower bound, in nats: their mean bounds the information, up to its standard error."""

    rows: Tensor  # (n,) samples that it was computed from
    terms: Tensor  # (n,) ln q(t|z)/p(t) of each, predicted without it
    shown_by: str  # 'a classifier', 'a regression'

    @property
    def value(self) -> float:
        """The bound."""
        return float(self.terms.mean())


def of_labels(z: Tensor, labels: Tensor) -> list[LowerBound]:
    """Bounds of I[Y;Z] by classifiers, from samples z (N, d) and classes `labels` 0, 1, … (N,); [] where there are few.

    I[Y;Z] ≥ H[Y] − C, C a cross-entropy of labels not seen: a linear classifier that leaves each sample out, and one
    with products of dimensions that were chosen on the other half. Scores become probabilities by a logistic regression
    with one scale and a bias for each class; Akaike's correction pays for its parameters.
    """
    rows, classes = chosen(len(z)), int(labels.max()) + 1
    if len(rows) < FEWEST or classes > TARGETS:
        return []
    y = labels[rows].cpu()
    onehot = torch.nn.functional.one_hot(y, classes).double()
    features = coordinates(z[rows])
    surprise = -(y.bincount(minlength=classes).clamp(min=1).double() / len(y)).log()[y]

    def on_half(fitted: Tensor, tested: Tensor) -> Tensor:
        pairs = telling_products(features[fitted], onehot[fitted])
        scores = left_out(with_products(features[tested], pairs), onehot[tested])
        return log_probabilities(scores, y[tested], classes)

    linear = log_probabilities(left_out(with_constant(features), onehot), y, classes)
    products = by_halves(len(rows), on_half)
    return [LowerBound(rows, surprise + terms, "a classifier") for terms in (linear, products)]


def of_pairs(x: Tensor, z: Tensor) -> list[LowerBound]:
    """Bounds of I[X;Z] by regressions, from samples x (N, d) and z (N, e); [] where there are few.

    On one half, the direction of z that features of x predict best is found (the first canonical variate); on the
    other, t, its normal scores, has the density N(0, 1) and is predicted with a Gaussian error:
    I[X;Z] ≥ I[X;T] ≥ E ln N(t; t̂(x), σ²)/N(t; 0, 1). And the same with x and z exchanged. Of many weak directions one
    alone shows little: there a Gaussian copula is the better bound.
    """
    rows = chosen(len(x))
    if len(rows) < FEWEST:
        return []
    of_x, of_z = coordinates(x[rows]), coordinates(z[rows])
    bounds = []
    for known, unknown in ((of_x, of_z), (of_z, of_x)):

        def on_half(fitted: Tensor, tested: Tensor, known: Tensor = known, unknown: Tensor = unknown) -> Tensor:
            pairs = telling_products(known[fitted], unknown[fitted])
            direction = canonical_direction(with_products(known[fitted], pairs), unknown[fitted])
            target = shuffled_scores(unknown[tested] @ direction)
            error = target - left_out(with_products(known[tested], pairs), target[:, None])[:, 0]
            variance = error.square().mean()
            return (target.square() - error.square() / variance - variance.log()) / 2

        bounds.append(LowerBound(rows, by_halves(len(rows), on_half), "a regression"))
    return bounds


def chosen(size: int) -> Tensor:
    """`MOST` of `size` samples, the same at every call; all where there are fewer."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))[:MOST].sort().values


def by_halves(size: int, on_half: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Terms (size,) of all samples: of each half by what was chosen on the other one."""
    terms = torch.empty(size, dtype=torch.float64)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(1))
    for fitted, tested in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        terms[tested] = on_half(fitted, tested)
    return terms


def coordinates(values: Tensor) -> Tensor:
    """Standardised dimensions of samples (n, d), cut at `CLIP`, and the normal scores of the distance from the median.

    (n, d + 1) in float64 on the CPU, each of mean 0 and variance 1.
    """
    cut = standardised(values).double().cpu().clamp(-CLIP, CLIP)
    return unit(torch.cat([cut, shuffled_scores(cut.square().sum(1))[:, None]], 1))


def unit(values: Tensor) -> Tensor:
    """Dimensions (n, d) of mean 0 and variance 1; constant ones are 0."""
    values = values - values.mean(0)
    return values / values.std(0).clamp(min=1e-12)


def shuffled_scores(values: Tensor) -> Tensor:
    """Φ⁻¹(rank/(n + 1)) of values (n,) in random order: equal values get different ranks by their places."""
    ranks = torch.empty_like(values)
    ranks[values.argsort(stable=True)] = torch.arange(1, len(values) + 1, dtype=values.dtype)
    return torch.special.ndtri(ranks / (len(values) + 1))


def telling_products(features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The `PRODUCTS` pairs of features (n, d) whose products correlate most with some target (n, t)."""
    width = features.shape[1]
    best = torch.zeros(width, width, dtype=features.dtype)
    for target in unit(targets)[:, : max(1, WORK // width**2)].T:
        best = torch.maximum(best, (features.T @ (features * target[:, None])).abs())
    first, second = torch.triu_indices(width, width)
    found = best[first, second].topk(min(PRODUCTS, len(first))).indices
    return first[found], second[found]


def with_constant(features: Tensor) -> Tensor:
    """Features (n, d) and a column of ones."""
    return torch.cat([features, torch.ones_like(features[:, :1])], 1)


def with_products(features: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Features, the products of pairs of them, and a constant."""
    products = unit(features[:, pairs[0]] * features[:, pairs[1]]).clamp(-CLIP, CLIP)
    return with_constant(torch.cat([features, products], 1))


def left_out(features: Tensor, targets: Tensor) -> Tensor:
    """Ridge predictions (n, t) of targets from features (n, d), of each sample without itself.

    t̂_{−i} = t_i − (t_i − t̂_i)/(1 − h_i), h the diagonal of the hat matrix; the penalty with the least squared error. A
    penalty so small that a sample nearly determines its own prediction is not taken, as the rest would be noise; zeros
    stand in where no penalty is large enough.
    """
    values, vectors = torch.linalg.eigh(features.T @ features)
    rotated = features @ vectors
    projected, squares = rotated.T @ targets, rotated.square()
    best, least = torch.zeros_like(targets), torch.inf
    for ridge in RIDGES:
        inverse = 1 / (values.clamp(min=0) + ridge * len(features))
        fitted, leverage = rotated @ (inverse[:, None] * projected), squares @ inverse
        if float(leverage.max()) > MOST_LEVERAGE:
            continue
        predicted = targets - (targets - fitted) / (1 - leverage)[:, None]
        error = float((targets - predicted).square().mean())
        if error < least:
            best, least = predicted, error
    return best


def canonical_direction(known: Tensor, unknown: Tensor) -> Tensor:
    """The combination (e,) of `unknown` (n, e) that a ridge regression on `known` (n, d) explains best."""
    centred, least = unknown - unknown.mean(0), RIDGES[1] * len(known)

    def gram(values: Tensor) -> Tensor:
        return values.T @ values + least * torch.eye(values.shape[1], dtype=values.dtype)

    covariance = known.T @ centred
    explained = covariance.T @ torch.linalg.solve(gram(known), covariance)
    factor = torch.linalg.cholesky(gram(centred))
    half = torch.linalg.solve_triangular(factor, explained, upper=False)
    whole = torch.linalg.solve_triangular(factor, half.T, upper=False)
    leading = torch.linalg.eigh((whole + whole.T) / 2).eigenvectors[:, -1:]
    return torch.linalg.solve_triangular(factor.T, leading, upper=True)[:, 0]


def log_probabilities(scores: Tensor, y: Tensor, classes: int) -> Tensor:
    """ln q(y|scores) (n,) by a logistic regression on scores (n, classes), less Akaike's `classes`/n."""
    scores = scores - scores.mean(0)
    start = (y.bincount(minlength=classes).double().clamp(min=0.5) / len(y)).log()
    weights = torch.cat([start.new_tensor([SCALE]), start]).requires_grad_()
    optimizer = LBFGS([weights], max_iter=30, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(weights[0] * scores + weights[1:], y)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    found = torch.log_softmax(weights.detach()[0] * scores + weights.detach()[1:], 1)
    return found.gather(1, y[:, None])[:, 0] - classes / len(y)
