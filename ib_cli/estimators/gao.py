"""I[X;Z] where either variable may be discrete, continuous, or a mixture of both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.checked import same_length
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import Terms, alike, neighbour_numbers, summarised, whole_class
from ib_cli.estimators.neighbours.search import Neighbourhood, neighbourhoods
from ib_cli.estimators.neighbours.ties import constant, copies, points


def gao(
    x: Tensor,
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> Estimate | list[Estimate]:
    """Mutual information I[X;Z] in nats of samples `x` (N, …) and `z` (N, …) of any laws (Gao et al., NeurIPS 2017).

        I = ⟨ψ(k̃) + ln N − ψ(n_x) − ψ(n_z)⟩

    n_x and n_z count the samples, this one included, that are nearer in x or in z (strictly) than the k-th neighbour in
    the joint space; k̃ is k. The joint distance is the larger of the distances in x and in z, each by `norm`,
    'euclidean' or 'max'. Where the k-th neighbour coincides with the sample, k̃, n_x and n_z count the samples that
    coincide with it instead: in both variables, in x, in z.

    The authors' program computes this. Their algorithm 1 has ln(n + 1) for ψ(n) and counts the border; at k = 3 it is
    too small by ln 4 − ψ(3) = 0.46 where z determines a discrete x. A class is a variable of one integer dimension; the
    distances compete, so its unit should be large beside the spread of z.

    A sequence of `k` gives a list of estimates from one search. `sweep` and `halve` fill `drift_k` and `drift_n`
    (rule: kraskov.summarised). ValueError for N ≤ k, NaN, infinities, x and z of different lengths and an unknown norm.
    """
    numbers = neighbour_numbers(k, sweep)
    x, z = points(x, "x", numbers[-1]), points(z, "z", numbers[-1])
    same_length(x, z, "x and z")
    template = Estimate("I[X;Z]", "gao", 0.0, n=len(z))
    for values, name in ((x, "x"), (z, "z")):
        if bool(constant(values).all()):
            return alike(template.flagged(f"{name} is constant: it carries no information"), k)

    def contributions(samples: Tensor, numbers: Sequence[int]) -> dict[int, Terms]:
        variables = [values[samples] for values in (x, z)]
        twins = [copies(*variables).double(), *(copies(values).double() for values in variables)]
        terms = {k: Terms.zeros(len(samples), z.device) for k in numbers}
        for block in neighbourhoods(variables, numbers[-1], norm):
            here = [counts[block.rows] for counts in twins]
            for k in numbers:
                _add(terms[k], block, k, here)
        return terms

    return summarised(template, contributions, k, sweep, halve, whole_class(z))


def _add(terms: Terms, block: Neighbourhood, k: int, twins: list[Tensor]) -> None:
    """Adds the terms of a block. `twins`: how many samples coincide with each row in both variables, in x, in z."""
    radius = block.distances[:, :, k - 1].amax(0)
    apart = radius > 0
    own = torch.where(apart, digamma(k), torch.digamma(twins[0])) + math.log(len(terms.own))
    spreads = []
    for variable in (0, 1):
        count = torch.where(apart, block.count(variable, radius).double() + 1, twins[1 + variable])
        own -= torch.digamma(count)
        spreads.append(block.spread(1 / count))
    terms.add(block, k, own, *spreads, weight=apart.double())
