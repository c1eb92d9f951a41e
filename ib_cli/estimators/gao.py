"""I[X;Z] where either variable may be discrete, continuous, or a mixture of both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.special import digamma
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.told_numbers import percent
from ib_cli.estimators.barber_agakov import LowerBound, of_labels, of_pairs
from ib_cli.estimators.checked import same_length
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import TRIAL, Numbers, Question, Sweep, Terms, alike, suited, summarised, whole_class
from ib_cli.estimators.neighbours.distances import TIE
from ib_cli.estimators.neighbours.search import Neighbourhood, neighbourhoods
from ib_cli.estimators.robust import normal_scores, scaled, standardised
from ib_cli.estimators.ties import constant, copies, points

LATTICE = 0.1  # share of samples with equal distances; an atom among other numbers gives a few hundredths
CHANGES = (standardised, scaled, normal_scores)  # ways to measure distances; none changes the information


def gao(
    x: Tensor,
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> Estimate | list[Estimate]:
    """Mutual information I[X;Z] in nats of samples `x` (N, …) and `z` (N, …) of any laws (Gao et al., NeurIPS 2017).

        I = ⟨ψ(k̃) + ln N − ψ(n_x) − ψ(n_z)⟩

    n_x and n_z count the samples, this one included, that are nearer in x or in z (strictly) than the k-th neighbour in
    the joint space; k̃ is k. The joint distance is the larger of the distances in x and in z, each by `norm`,
    'euclidean' or 'max'. Where the k-th neighbour coincides with the sample, k̃, n_x and n_z count the samples that
    coincide with it instead: in both variables, in x, in z.

    The authors' program computes this. Their algorithm 1 has ln(n + 1) for ψ(n) and counts the border; at k = 3 it is
    too small by ln 4 − ψ(3) = 0.46 where z determines a discrete x.

    The distances compete, so units would matter: dimensions are brought to median 0 and the quartiles of a standard
    normal, or measured otherwise where that shows more (`kraskov.suited`). Integers (N,) are classes: any two are
    farther apart than all samples of the other variable. `standardise=False` takes both as given.

    A sequence of `k` gives a list of estimates from one search. `sweep` and `halve` fill `drift_k` and `drift_n`; with
    lower bounds they decide on flags (`kraskov.summarised`); `sweep=None` checks nothing. ValueError for N ≤ k, NaN,
    infinities, x and z of different lengths and an unknown norm.
    """
    whole_numbers = [is_classes(values) for values in (x, z)]
    x, z = points(x, "x", 0), points(z, "z", 0)
    same_length(x, z, "x and z")
    numbers = Numbers.of(k, sweep, [x, z], norm, len(z) - 1)
    template = Estimate("I[X;Z]", "gao", 0.0, n=len(z))
    for values, name in ((x, "x"), (z, "z")):
        if bool(constant(points(values, name, max(numbers.asked))).all()):
            return alike(template.flagged(f"{name} is constant: it carries no information"), k)

    def trial(variables: list[Tensor]) -> Terms:
        fewest = min(numbers.asked[0], len(variables[0]) - 1)
        return _terms(variables, (fewest,), (), norm)[fewest]

    variables = [x, z]
    if numbers.checked and (share := tied(variables, min(numbers.asked), norm)) > LATTICE:
        reason = f"k neighbours are as far as others for {percent(share)} of the samples, as where numbers are rounded"
        template = template.flagged(reason)
    if standardise and not any(whole_numbers):
        variables = suited(variables, trial, CHANGES)
    elif standardise:
        variables = on_common_scales(variables, whole_numbers)

    def contributions(samples: Tensor, numbers: Sequence[int], probes: Sequence[int]) -> dict[int, Terms]:
        return _terms([values[samples] for values in variables], numbers, probes, norm)

    def bounds() -> list[LowerBound]:
        if all(whole_numbers):
            return []
        if any(whole_numbers):
            labels, values = (x, z) if whole_numbers[0] else (z, x)
            return of_labels(values, labels[:, 0].unique(return_inverse=True)[1])
        return of_pairs(x, z)

    exponent = 2 / sum(values.shape[1] for values in variables)
    return summarised(template, contributions, numbers, halve, Question(whole_class(z), exponent, bounds))


def tied(variables: Sequence[Tensor], k: int, norm: str) -> float:
    """The share of `TRIAL` samples whose k-th neighbour, apart from them, is exactly as far as the next one.

    Where numbers lie on a lattice, the counts within that distance have no use for k.
    """
    some = [values[:TRIAL] for values in variables]
    if len(some[0]) <= k + 1:
        return 0.0
    equal = 0
    for block in neighbourhoods(some, k + 1, norm):
        reach = block.distances.amax(0)
        equal += int(((reach[:, k - 1] > 0) & (reach[:, k] <= reach[:, k - 1] * (1 + TIE))).sum())
    return equal / len(some[0])


def is_classes(values: Tensor) -> bool:
    """Whether a variable is of an integer or boolean type and has one dimension."""
    return not values.is_floating_point() and values.numel() == len(values)


def on_common_scales(variables: Sequence[Tensor], whole_numbers: Sequence[bool]) -> list[Tensor]:
    """Numbers standardised; classes as corners of a simplex, farther apart than any two samples of the other variable.

    All classes are equally far apart, so that renaming them changes nothing.
    """
    scaled = [
        one_hot(values[:, 0].unique(return_inverse=True)[1]).double() if classes else standardised(values)
        for values, classes in zip(variables, whole_numbers)
    ]
    for this, other in ((0, 1), (1, 0)):
        if whole_numbers[this] and not whole_numbers[other]:
            extent = scaled[other].double().amax(0) - scaled[other].double().amin(0)
            scaled[this] *= 1 + float(extent.norm())
    return scaled


def _terms(variables: Sequence[Tensor], numbers: Sequence[int], probes: Sequence[int], norm: str) -> dict[int, Terms]:
    """The terms of each number of neighbours, with influences for `numbers` only."""
    twins = [copies(*variables).double(), *(copies(values).double() for values in variables)]
    terms = {k: Terms.zeros(len(variables[0]), variables[0].device) for k in (*numbers, *probes)}
    for block in neighbourhoods(variables, max(terms), norm):
        here = [counts[block.rows] for counts in twins]
        for k in terms:
            _add(terms[k], block, k, here, k in numbers)
    return terms


def _add(terms: Terms, block: Neighbourhood, k: int, twins: list[Tensor], influential: bool) -> None:
    """Adds the terms of a block, with influences if `influential`.

    `twins`: how many samples coincide with each row in both variables, in x, in z.
    """
    radius = block.distances[:, :, k - 1].amax(0)
    apart = radius > 0
    own = torch.where(apart, digamma(k), torch.digamma(twins[0])) + math.log(len(terms.own))
    spreads = []
    for variable in (0, 1):
        count = torch.where(apart, block.count(variable, radius).double() + 1, twins[1 + variable])
        own -= torch.digamma(count)
        if influential:
            spreads.append(block.spread(1 / count))
    if influential:
        terms.add(block, k, own, *spreads, weight=apart.double())
    else:
        terms.compare(block, own)
