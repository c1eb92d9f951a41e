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
from ib_cli.estimators.neighbours import Neighbourhood, neighbourhoods
from ib_cli.estimators.ties import constant, copies, points


def gao(
    x: Tensor,
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> Estimate | list[Estimate]:
    """Mutual information I[X;Z] in nats of samples `x` (N, …) and `z` (N, …) of any laws (Gao et al. 2017, algorithm 1).

        I = ⟨ψ(k̃) + ln N − ln(n_x + 1) − ln(n_z + 1)⟩

    n_x and n_z are the others not farther than the k-th neighbour in the joint space, whose distance is the larger of
    those in x and in z, each by `norm`, 'euclidean' or 'max'; k̃ is k, or the number of others that coincide with the
    sample where the k-th does. A class is a variable of one integer dimension; its scale then matters, for a class step of 1
    must be far for z to be told from a neighbour. A sequence of `k` gives a list of estimates from one search. `sweep` and
    `halve` fill `drift_k` and `drift_n`; kraskov.summarised has their rule. ValueError for N ≤ k, NaN, infinities, samples
    that do not pair and another norm.
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
        twins = copies(*variables) - 1
        terms = {k: Terms.zeros(len(samples), z.device) for k in numbers}
        for block in neighbourhoods(variables, numbers[-1], norm):
            for k in numbers:
                own, spreads = _own(block, k, twins[block.rows], len(samples))
                terms[k].add(block, k, own, *spreads)
        return terms

    return summarised(template, contributions, k, sweep, halve, whole_class(z))


def _own(block: Neighbourhood, k: int, twins: Tensor, n: int) -> tuple[Tensor, list[Tensor]]:
    """The terms of a block, and what each sample gets of 1/(n + 1) from the rows that count it."""
    radius = block.distances[:, :, k - 1].amax(0)
    own = torch.where(radius == 0, torch.digamma(twins.double()), digamma(k)) + math.log(n)
    spreads = []
    for variable in (0, 1):
        count = block.count(variable, radius, inclusive=True).double() + 1
        own -= count.log()
        spreads.append(block.spread(1 / count))
    return own, spreads
