"""H[Z] from distances to nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch
from scipy.special import digamma, gammaln
from torch import Tensor

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import (
    CHANCE,
    DEPENDENT,
    TRUST,
    Numbers,
    Question,
    Sweep,
    Terms,
    alike,
    noted,
    summarised,
    too_high,
    whole_class,
)
from ib_cli.estimators.neighbours.search import neighbourhoods
from ib_cli.estimators.robust import common_scale, location_and_scale, scaled, standardised, whitened
from ib_cli.estimators.scatter import wishart
from ib_cli.estimators.ties import degenerate, points, set_apart

TRIAL = 2000  # samples that choose the map
WIDEST = 5  # dimensions for which the weighted estimate was found to be right
LADDER = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 26, 32)  # numbers of neighbours of the weighted estimate


def log_unit_ball(width: int, norm: str) -> float:
    """Logarithm of the volume of the ball of radius one in `width` dimensions."""
    if norm == "max":
        return width * math.log(2)
    return width / 2 * math.log(math.pi) - math.lgamma(width / 2 + 1)


@overload
def kozachenko_leonenko(
    z: Tensor,
    *,
    k: int = 3,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> Estimate: ...


@overload
def kozachenko_leonenko(
    z: Tensor,
    *,
    k: Sequence[int],
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> list[Estimate]: ...


def kozachenko_leonenko(
    z: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> Estimate | list[Estimate]:
    """Differential entropy H[Z] in nats of samples `z` (N, …).

        H = ψ(N) − ψ(k) + ln c_d + d/N Σᵢ ln εᵢ

    (Kozachenko and Leonenko 1987; Kraskov et al. 2004, eq. 20, with radii for diameters), εᵢ the distance to the k-th
    neighbour and c_d the volume of the unit ball of `norm`, 'euclidean' or 'max'. The distances are of samples after an
    affine map, whose ln |det| is added, so that neither units nor unequal spreads do harm (`evened`).
    `standardise=False` takes distances of z as given.

    A sequence of `k` gives a list of estimates from one search. `sweep`, numbers of neighbours to compare with, and
    `halve` fill `drift_k` and `drift_n` and decide on flags (`kraskov.summarised`); `sweep=None` checks nothing and
    takes less time. Where the samples have no density (a constant or dependent dimension, a value or a sample that many
    share) H is −∞ and `value` None. ValueError for N ≤ k, NaN, infinities and an unknown norm.
    """
    z = points(z, "z", 0)
    numbers = Numbers.of(k, sweep, [z], norm, len(z) - 1)
    z, template, log_det = _prepared(z, max(numbers.asked), "kozachenko-leonenko", standardise)
    if template.saturated:
        return alike(template, k)

    def contributions(samples: Tensor, numbers: Sequence[int], probes: Sequence[int]) -> dict[int, Terms]:
        return _terms(z[samples], numbers, probes, norm, log_det)

    return summarised(template, contributions, numbers, halve, _question(z, log_det))


def weighted_entropy(z: Tensor, *, norm: str = "euclidean", halve: bool = False, standardise: bool = True) -> Estimate:
    """Differential entropy H[Z] in nats of samples `z` (N, …), N > 32, without the leading bias of few dimensions.

    A weighted mean of Kozachenko and Leonenko's estimates over the numbers of neighbours in `LADDER`. Where a density
    jumps, as at the border of a cube, the bias of each estimate falls only as (k/N)^(1/d), in proportion to
    Γ(k + 1/d)/Γ(k). The weights of least norm that add up to one and are orthogonal to these biases remove it (the idea
    of Sricharan, Wei and Hero 2013 and of Berrett, Samworth and Yuan 2019).

    Flagged beyond 5 dimensions, where the orders of the bias lie too close together to be told apart, and where the
    estimates do not follow such a bias (`off_the_ladder`). Otherwise as `kozachenko_leonenko`.
    """
    z, template, log_det = _prepared(z, LADDER[-1], "weighted kozachenko-leonenko", standardise)
    if template.saturated:
        return template
    width = z.shape[1]
    if width > WIDEST:
        template = template.flagged(f"H[Z] has {width} dimensions: the weights are for {WIDEST} or fewer")
    weights, ladder = ladder_weights(width), {}

    def contributions(samples: Tensor, numbers: Sequence[int], probes: Sequence[int]) -> dict[int, Terms]:
        terms = _terms(z[samples], LADDER, (), norm, log_det)
        if len(samples) == len(z):
            ladder.update({k: terms[k].own for k in LADDER})
        weighted = Terms.zeros(len(samples), z.device)
        for k, weight in zip(LADDER, weights):
            weighted.own.add_(terms[k].own, alpha=weight)
            weighted.influence.add_(terms[k].influence, alpha=weight)
        return {LADDER[-1]: weighted}

    numbers = Numbers(LADDER[-1], [LADDER[-1]], [], [])
    found = summarised(template, contributions, numbers, halve, _question(z, log_det))
    assert isinstance(found, Estimate)  # of one k
    for reason in (too_high(found, _question(z, log_det)), off_the_ladder(ladder, width, found)):
        found = found.flagged(reason) if reason else found
    return found


def ladder_weights(width: int) -> list[float]:
    """The weights of `LADDER`: they add up to one and remove a bias in proportion to Γ(k + 1/d)/Γ(k)."""
    return np.linalg.lstsq(_ladder(width), np.array([1.0, 0.0]), rcond=None)[0].tolist()


def off_the_ladder(ladder: dict[int, Tensor], width: int, found: Estimate) -> str:
    """Why the estimates of all k, own terms (N,) each, are not a constant and the bias that the weights remove.

    '' where they are, within chance and two standard errors of the weighted estimate.
    """
    own = np.stack([ladder[k].cpu().numpy() for k in LADDER])
    model = _ladder(width)
    residual = own - model.T @ np.linalg.lstsq(model.T, own, rcond=None)[0]
    off, error = np.abs(residual.mean(1)), DEPENDENT * residual.std(1) / own.shape[1] ** 0.5
    largest = float(np.where(off > CHANCE * error, off, 0.0).max())
    if largest <= TRUST * (found.stderr or 0.0):
        return ""
    return f"H[Z] over k is {largest:.2g} nats off the bias that the weights remove: there may be no density"


def _ladder(width: int) -> np.ndarray:
    """A constant and the bias of each number of neighbours in `LADDER`, (2, 12)."""
    k = np.array(LADDER, dtype=np.float64)
    return np.stack([np.ones_like(k), np.exp(gammaln(k + 1 / width) - gammaln(k))])


def _prepared(z: Tensor, k: int, estimator: str, standardise: bool) -> tuple[Tensor, Estimate, float]:
    """Samples (N, d) without ties, whitened on demand, an estimate to fill in and ln |det| of the map back.

    The estimate is already flagged where the entropy is −∞.
    """
    z = points(z, "z", k)
    template = Estimate("H[Z]", estimator, None, n=len(z))
    if why := degenerate(z):
        return z, template.flagged(f"{why}: the entropy is −inf"), 0.0
    z, log_det = evened(z) if standardise else (z, 0.0)
    z, note, atoms = set_apart(z, "z")
    if atoms:
        return z, template.flagged(f"{note.split(';')[0]}: the entropy is −inf"), log_det
    return z, noted(template, note), log_det


def evened(z: Tensor) -> tuple[Tensor, float]:
    """Samples (N, d) after the affine map that suits distances best, and ln |det| of the map back.

    Whitening (`robust.whitened`) makes H[Az + b] = H[Z] + ln |det A| hold for the estimates. But where samples lie in
    clusters far apart, it evens the distances between the clusters and not the densities within. Unequal spreads raise
    the estimate; so the samples stay as given, or are only standardised, where that lowers the estimate from `TRIAL`
    samples by `CHANCE` standard errors.
    """
    white, log_det = whitened(z)
    if z.shape[1] == 1:
        return white, log_det
    some = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))[:TRIAL].to(z.device)

    def trial(values: Tensor, log_det: float) -> tuple[float, float]:
        values = set_apart(values[some], "z")[0]
        terms = _terms(values, (k := min(3, len(some) - 1),), (), "euclidean", log_det)[k]
        return float(terms.own.mean()), float(terms.influence.std()) / len(some) ** 0.5

    value, stderr = trial(white, log_det)
    scale = location_and_scale(z)[1]
    in_one = float(z.shape[1] * common_scale(scale).log())
    for values, log_spread in ((standardised(z), float(scale.log().sum())), (scaled(z), in_one)):
        other, error = trial(values, log_spread)
        if other < value - CHANCE * max(stderr, error):
            white, log_det, value, stderr = values, log_spread, other, error
    return white, log_det


def _question(z: Tensor, log_det: float) -> Question:
    """The checks of an entropy: no density has more than the Gaussian of its covariance."""
    size, width = z.shape
    ceiling = math.inf
    if size > width + 1:
        covariance = z.double().T.cov().reshape(width, width)
        ceiling = (width * math.log(2 * math.pi * math.e) - wishart(width, size - 1)[0]) / 2 + log_det
        ceiling += float(torch.linalg.slogdet(covariance).logabsdet) / 2
    return Question(whole_class(z), 2 / width, ceiling=ceiling, of_ceiling="the Gaussian of the same covariance")


def _terms(z: Tensor, numbers: Sequence[int], probes: Sequence[int], norm: str, log_det: float) -> dict[int, Terms]:
    n, width = z.shape
    terms = {k: Terms.zeros(n, z.device) for k in (*numbers, *probes)}
    constant = digamma(n) + log_unit_ball(width, norm) + log_det
    for block in neighbourhoods([z], max(terms), norm):
        for k in terms:
            own = constant - digamma(k) + width * block.distances[0, :, k - 1].log()
            if k in numbers:
                terms[k].add(block, k, own, weight=-1.0)
            else:
                terms[k].compare(block, own)
    return terms
