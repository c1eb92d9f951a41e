"""I[X;Z] of two continuous variables, from counts within the distance to the k-th neighbour in the joint space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.barber_agakov import chosen, of_pairs
from ib_cli.estimators.checked import same_length
from ib_cli.estimators.copula import copula_bound
from ib_cli.estimators.estimate import Estimate, names_in
from ib_cli.estimators.kraskov import Numbers, Question, Sweep, Terms, alike, noted, suited, summarised, whole_class
from ib_cli.estimators.neighbours.search import Neighbourhood, neighbourhoods
from ib_cli.estimators.robust import normal_scores, scaled, standardised
from ib_cli.estimators.ties import constant, points, set_apart

CHANGES = (standardised, scaled, normal_scores)  # ways to measure distances; none changes the information


@overload
def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: int = 3,
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
    quantity: str = "I[X;Z]",
) -> Estimate: ...


@overload
def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: Sequence[int],
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
    quantity: str = "I[X;Z]",
) -> list[Estimate]: ...


def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
    quantity: str = "I[X;Z]",
) -> Estimate | list[Estimate]:
    """Mutual information I[X;Z] in nats of samples `x` (N, …) and `z` (N, …) (Kraskov, Stögbauer and Grassberger 2004).

        variant 1, eq. 8:  ψ(k) + ψ(N) − ⟨ψ(n_x + 1) + ψ(n_z + 1)⟩    n: others strictly nearer than the k-th neighbour
        variant 2, eq. 9:  ψ(k) − 1/k + ψ(N) − ⟨ψ(n_x) + ψ(n_z)⟩       n: others within the farthest of k, in x and in z

    The distance of two samples is the larger of their distances in x and in z, each by `norm`, 'euclidean' or 'max'.
    Information does not depend on units or on monotone maps of single dimensions, but distances do: dimensions are
    brought to median 0 and the quartiles of a standard normal, or measured otherwise where that shows more
    (`kraskov.suited`). `standardise=False` takes x and z as given, as other packages do.

    A sequence of `k` gives a list of estimates from one search. `sweep`, numbers of neighbours to compare with, and
    `halve` fill `drift_k` and `drift_n`; with lower bounds from regressions and a Gaussian copula they decide on flags
    (`kraskov.summarised`). `sweep=None` checks nothing and takes less time. Small noise separates coinciding samples,
    and `reason` says so; many of them flag the estimate, as the equations take both laws to have densities (gao.py does
    not). `quantity` names the result, and the variables in its reasons. ValueError for N ≤ k, NaN, infinities, x and z
    of different lengths, and an unknown variant or norm.
    """
    if variant not in (1, 2):
        raise ValueError(f"variant must be 1 or 2, not {variant!r}")
    x, z = points(x, "x", 0), points(z, "z", 0)
    same_length(x, z, "x and z")
    numbers = Numbers.of(k, sweep, [x, z], norm, len(z) - 1)
    template, names = Estimate(quantity, f"ksg{variant}", 0.0, n=len(z)), names_in(quantity)
    for values, name in zip((x, z), names):
        if bool(constant(points(values, name, max(numbers.asked))).all()):
            return alike(template.flagged(f"{name} is constant: it carries no information"), k)

    def trial(variables: list[Tensor]) -> Terms:
        fewest = min(numbers.asked[0], len(variables[0]) - 1)
        return _terms(variables, (fewest,), (), variant, norm)[fewest]

    given, variables = suited([x, z], trial, CHANGES) if standardise else [x, z], []
    for values, name in zip(given, names):
        values, note, atoms = set_apart(values, name)
        template = noted(template, note)
        if atoms:
            template = template.flagged(f"the law of {name} seems to have atoms")
        variables.append(values)

    def contributions(samples: Tensor, numbers: Sequence[int], probes: Sequence[int]) -> dict[int, Terms]:
        return _terms([values[samples] for values in variables], numbers, probes, variant, norm)

    exponent = 2 / sum(values.shape[1] for values in variables)
    rows = chosen(len(z)).to(z.device)
    question = Question(
        whole_class(z),
        exponent,
        lambda: of_pairs(x, z),
        lambda least: copula_bound(x[rows], z[rows], least),
    )
    return summarised(template, contributions, numbers, halve, question)


def _terms(
    variables: Sequence[Tensor], numbers: Sequence[int], probes: Sequence[int], variant: int, norm: str
) -> dict[int, Terms]:
    """The terms of each number of neighbours, with influences for `numbers` only."""
    n = len(variables[0])
    terms = {k: Terms.zeros(n, variables[0].device) for k in (*numbers, *probes)}
    for block in neighbourhoods(variables, max(terms), norm):
        for k in terms:
            counts, spreads = _counts(block, k, variant, k in numbers)
            if variant == 1:
                counts = [count + 1 for count in counts]
            own = digamma(n) + digamma(k) - (variant == 2) / k - sum(torch.digamma(count) for count in counts)
            if k in numbers:
                terms[k].add(block, k, own, *spreads)
            else:
                terms[k].compare(block, own)
    return terms


def _counts(block: Neighbourhood, k: int, variant: int, spread: bool) -> tuple[list[Tensor], list[Tensor]]:
    """n_x and n_z of each row and, with `spread`, for each sample the sum of 1/(n + 1) over the rows that count it."""
    distances = block.distances[:, :, :k]
    radii = distances.amax(2) if variant == 2 else distances[:, :, -1].amax(0).expand(2, -1)
    counts, spreads = [], []
    for variable in (0, 1):
        counts.append(block.count(variable, radii[variable], inclusive=variant == 2).double())
        if spread:
            spreads.append(block.spread(1 / (counts[-1] + 1)))
    return counts, spreads
