"""I[X;Z] of two continuous variables, from counts within the distance to the k-th neighbour in the joint space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.checked import same_length
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import Terms, alike, neighbour_numbers, noted, summarised, whole_class
from ib_cli.estimators.neighbours.search import Neighbourhood, neighbourhoods
from ib_cli.estimators.neighbours.ties import constant, points, set_apart


@overload
def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: int = 3,
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> Estimate: ...


@overload
def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: Sequence[int],
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> list[Estimate]: ...


def ksg(
    x: Tensor,
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    variant: int = 1,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> Estimate | list[Estimate]:
    """Mutual information I[X;Z] in nats of samples `x` (N, …) and `z` (N, …) (Kraskov, Stögbauer and Grassberger 2004).

        variant 1, eq. 8:  ψ(k) + ψ(N) − ⟨ψ(n_x + 1) + ψ(n_z + 1)⟩    n: others strictly nearer than the k-th neighbour
        variant 2, eq. 9:  ψ(k) − 1/k + ψ(N) − ⟨ψ(n_x) + ψ(n_z)⟩       n: others within the farthest of k, in x and in z

    The distance of two samples is the larger of their distances in x and in z, each by `norm`, 'euclidean' or 'max'. A
    sequence of `k` gives a list of estimates from one search. `sweep` and `halve` fill `drift_k` and `drift_n`
    (rule: kraskov.summarised). Small noise separates coinciding samples, and `reason` says so; many of them flag the
    estimate, as the equations take both laws to have densities (gao.py does not). ValueError for N ≤ k, NaN,
    infinities, x and z of different lengths, and an unknown variant or norm.
    """
    numbers = neighbour_numbers(k, sweep)
    if variant not in (1, 2):
        raise ValueError(f"variant must be 1 or 2, not {variant!r}")
    x, z = points(x, "x", numbers[-1]), points(z, "z", numbers[-1])
    same_length(x, z, "x and z")
    template = Estimate("I[X;Z]", f"ksg{variant}", 0.0, n=len(z))
    variables = []
    for values, name in ((x, "x"), (z, "z")):
        if bool(constant(values).all()):
            return alike(template.flagged(f"{name} is constant: it carries no information"), k)
        values, note, atoms = set_apart(values, name)
        template = noted(template, note)
        if atoms:
            template = template.flagged(f"the law of {name} seems to have atoms")
        variables.append(values)

    def contributions(samples: Tensor, numbers: Sequence[int]) -> dict[int, Terms]:
        n = len(samples)
        terms = {k: Terms.zeros(n, z.device) for k in numbers}
        for block in neighbourhoods([values[samples] for values in variables], numbers[-1], norm):
            for k in numbers:
                counts, spreads = _counts(block, k, variant)
                if variant == 1:
                    counts = [count + 1 for count in counts]
                own = digamma(n) + digamma(k) - (variant == 2) / k - sum(torch.digamma(count) for count in counts)
                terms[k].add(block, k, own, *spreads)
        return terms

    return summarised(template, contributions, k, sweep, halve, whole_class(z))


def _counts(block: Neighbourhood, k: int, variant: int) -> tuple[list[Tensor], list[Tensor]]:
    """n_x and n_z of each row, and for each sample and variable the sum of 1/(n + 1) over the rows that count it."""
    distances = block.distances[:, :, :k]
    radii = distances.amax(2) if variant == 2 else distances[:, :, -1].amax(0).expand(2, -1)
    counts, spreads = [], []
    for variable in (0, 1):
        counts.append(block.count(variable, radii[variable], inclusive=variant == 2).double())
        spreads.append(block.spread(1 / (counts[-1] + 1)))
    return counts, spreads
