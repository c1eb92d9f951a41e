"""H[Z] from distances to nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import numpy as np
from scipy.special import digamma, gammaln
from torch import Tensor

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import Terms, alike, neighbour_numbers, noted, summarised, whole_class
from ib_cli.estimators.neighbours.search import neighbourhoods
from ib_cli.estimators.neighbours.ties import degenerate, points, set_apart

LADDER = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 26, 32)  # numbers of neighbours of the weighted estimate


def log_unit_ball(width: int, norm: str) -> float:
    """Logarithm of the volume of the ball of radius one in `width` dimensions."""
    if norm == "max":
        return width * math.log(2)
    return width / 2 * math.log(math.pi) - math.lgamma(width / 2 + 1)


@overload
def kozachenko_leonenko(
    z: Tensor, *, k: int = 3, norm: str = "euclidean", sweep: Sequence[int] = (), halve: bool = False
) -> Estimate: ...


@overload
def kozachenko_leonenko(
    z: Tensor, *, k: Sequence[int], norm: str = "euclidean", sweep: Sequence[int] = (), halve: bool = False
) -> list[Estimate]: ...


def kozachenko_leonenko(
    z: Tensor, *, k: int | Sequence[int] = 3, norm: str = "euclidean", sweep: Sequence[int] = (), halve: bool = False
) -> Estimate | list[Estimate]:
    """Differential entropy H[Z] in nats of samples `z` (N, …).

        H = ψ(N) − ψ(k) + ln c_d + d/N Σᵢ ln εᵢ

    (Kozachenko and Leonenko 1987; Kraskov et al. 2004, eq. 20, with radii for diameters), εᵢ the distance to the k-th
    neighbour and c_d the volume of the unit ball of `norm`, 'euclidean' or 'max'. A sequence of `k` gives a list of
    estimates from one search. `sweep` and `halve` fill `drift_k` and `drift_n` (rule: kraskov.summarised). Where the
    samples have no density (a constant or dependent dimension, many coinciding points) H is −∞ and `value` None.
    ValueError for N ≤ k, NaN, infinities and an unknown norm.
    """
    numbers = neighbour_numbers(k, sweep)
    z, template = _prepared(z, numbers[-1], "kozachenko-leonenko")
    if template.saturated:
        return alike(template, k)

    def contributions(samples: Tensor, numbers: Sequence[int]) -> dict[int, Terms]:
        return _terms(z[samples], numbers, norm)

    return summarised(template, contributions, k, sweep, halve, whole_class(z))


def weighted_entropy(z: Tensor, *, norm: str = "euclidean", halve: bool = False) -> Estimate:
    """Differential entropy H[Z] in nats of samples `z` (N, …), N > 32, without the leading bias of few dimensions.

    A weighted mean of Kozachenko and Leonenko's estimates over the numbers of neighbours in `LADDER`. Where a density
    jumps, as at the border of a cube, the bias of each estimate falls only as (k/N)^(1/d), in proportion to
    Γ(k + 1/d)/Γ(k). The weights of least norm that add up to one and are orthogonal to these biases remove it (the idea
    of Sricharan, Wei and Hero 2013 and of Berrett, Samworth and Yuan 2019). For d ≤ 5: in many dimensions the orders of
    the bias lie too close together to be told apart. Otherwise as `kozachenko_leonenko`.
    """
    z, template = _prepared(z, LADDER[-1], "weighted kozachenko-leonenko")
    if template.saturated:
        return template
    weights = ladder_weights(z.shape[1])

    def contributions(samples: Tensor, numbers: Sequence[int]) -> dict[int, Terms]:
        terms = _terms(z[samples], LADDER, norm)
        own = sum(weight * terms[k].own for k, weight in zip(LADDER, weights))
        influence = sum(weight * terms[k].influence for k, weight in zip(LADDER, weights))
        return {LADDER[-1]: Terms(own, influence)}

    found = summarised(template, contributions, LADDER[-1], (), halve, whole_class(z))
    assert isinstance(found, Estimate)  # of one k
    return found


def ladder_weights(width: int) -> list[float]:
    """The weights of `LADDER`: they add up to one and remove a bias in proportion to Γ(k + 1/d)/Γ(k)."""
    k = np.array(LADDER, dtype=np.float64)
    bias = np.exp(gammaln(k + 1 / width) - gammaln(k))
    return np.linalg.lstsq(np.stack([np.ones_like(k), bias]), np.array([1.0, 0.0]), rcond=None)[0].tolist()


def _prepared(z: Tensor, k: int, estimator: str) -> tuple[Tensor, Estimate]:
    """Samples (N, d) without ties, and an estimate to fill in; it is already flagged where the entropy is −∞."""
    z = points(z, "z", k)
    template = Estimate("H[Z]", estimator, None, n=len(z))
    if why := degenerate(z):
        return z, template.flagged(f"{why}: the entropy is −inf")
    z, note, atoms = set_apart(z, "z")
    if atoms:
        return z, template.flagged(f"{note.split(';')[0]}: the entropy is −inf")
    return z, noted(template, note)


def _terms(z: Tensor, numbers: Sequence[int], norm: str) -> dict[int, Terms]:
    n, width = z.shape
    terms = {k: Terms.zeros(n, z.device) for k in numbers}
    constant = digamma(n) + log_unit_ball(width, norm)
    for block in neighbourhoods([z], numbers[-1], norm):
        for k in numbers:
            own = constant - digamma(k) + width * block.distances[0, :, k - 1].log()
            terms[k].add(block, k, own, weight=-1.0)
    return terms
