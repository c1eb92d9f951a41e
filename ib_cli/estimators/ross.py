"""I[Y;Z] of a class and a continuous variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.checked import classes, same_length
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import Terms, alike, neighbour_numbers, noted, summarised
from ib_cli.estimators.neighbours.balls import class_balls
from ib_cli.estimators.neighbours.ties import constant, points, set_apart


@overload
def ross(
    z: Tensor, y: Tensor, *, k: int = 3, norm: str = "euclidean", sweep: Sequence[int] = (), halve: bool = False
) -> Estimate: ...


@overload
def ross(
    z: Tensor, y: Tensor, *, k: Sequence[int], norm: str = "euclidean", sweep: Sequence[int] = (), halve: bool = False
) -> list[Estimate]: ...


def ross(
    z: Tensor,
    y: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sequence[int] = (),
    halve: bool = False,
) -> Estimate | list[Estimate]:
    """Mutual information I[Y;Z] in nats of samples `z` (N, …) and integer labels `y` (N,) (Ross 2014, eq. 2).

        I = ψ(N) + ψ(k) − ⟨ψ(N_y)⟩ − ⟨ψ(m)⟩

    N_y is the number of samples of the sample's class, m the number of other samples of any class not farther than the
    k-th neighbour in its own class, by `norm`, 'euclidean' or 'max'. A sequence of `k` gives a list of estimates from
    one search. `sweep` and `halve` fill `drift_k` and `drift_n` (rule: kraskov.summarised). Small noise separates
    coinciding samples, and `reason` says so; many of them flag the estimate. ValueError for a class of k samples or
    fewer, NaN, infinities, labels that are no integers and an unknown norm.
    """
    numbers = neighbour_numbers(k, sweep)
    z = points(z, "z", numbers[-1])
    same_length(z, y, "z and y")
    labels, sizes = classes(y, len(z), numbers[-1] + 1)
    template = Estimate("I[Y;Z]", "ross", 0.0, n=len(z))
    if len(sizes) == 1:
        return alike(template.flagged("there is one class only: it carries no information"), k)
    if bool(constant(z).all()):
        return alike(template.flagged("z is constant: it carries no information"), k)
    z, note, atoms = set_apart(z, "z")
    template = noted(template, note)
    if atoms:
        template = template.flagged("the law of z seems to have atoms")

    def contributions(samples: Tensor, numbers: Sequence[int]) -> dict[int, Terms]:
        n, own = len(samples), labels[samples]
        own_size = torch.digamma(torch.bincount(own).double())[own]
        balls = class_balls(z.index_select(0, samples), numbers, norm, own)
        m = balls.counts.double() + 1
        terms = {k: Terms.zeros(n, z.device) for k in numbers}
        for k, others, spread in zip(numbers, m, balls.spread(1 / m)):
            terms[k].add(balls, k, digamma(n) + digamma(k) - own_size - torch.digamma(others), spread)
        return terms

    return summarised(template, contributions, k, sweep, halve, labels)
