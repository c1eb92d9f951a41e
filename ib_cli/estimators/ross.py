"""I[Y;Z] of a class and a continuous variable."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import overload

import torch
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.barber_agakov import of_labels
from ib_cli.estimators.checked import classes, same_length
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.kraskov import TRIAL, Numbers, Question, Sweep, Terms, alike, noted, suited, summarised
from ib_cli.estimators.neighbours.balls import class_balls
from ib_cli.estimators.robust import normal_scores, scaled, standardised
from ib_cli.estimators.ties import constant, points, set_apart

CHANGES = (standardised, scaled, normal_scores)  # ways to measure distances; none changes the information
LONE = 0.01  # nats by which samples alone in their class may move an estimate unflagged


@overload
def ross(
    z: Tensor,
    y: Tensor,
    *,
    k: int = 3,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> Estimate: ...


@overload
def ross(
    z: Tensor,
    y: Tensor,
    *,
    k: Sequence[int],
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> list[Estimate]: ...


def ross(
    z: Tensor,
    y: Tensor,
    *,
    k: int | Sequence[int] = 3,
    norm: str = "euclidean",
    sweep: Sweep = "auto",
    halve: bool = False,
    standardise: bool = True,
) -> Estimate | list[Estimate]:
    """Mutual information I[Y;Z] in nats of samples `z` (N, …) and integer labels `y` (N,) (Ross 2014, eq. 2).

        I = ψ(N) + ψ(k) − ⟨ψ(N_y)⟩ − ⟨ψ(m)⟩

    N_y is the number of samples of the sample's class, m the number of other samples of any class not farther than the
    k-th neighbour in its own class, by `norm`, 'euclidean' or 'max'. Information does not depend on units, but
    distances do: dimensions are brought to median 0 and the quartiles of a standard normal, or measured otherwise where
    that shows more (`kraskov.suited`); `standardise=False` takes z as given. In a class of k samples or fewer all
    others are neighbours, and ψ(N_y − 1) stands for ψ(k); a class of one sample is left out, and `reason` says so.

    A sequence of `k` gives a list of estimates from one search. `sweep`, numbers of neighbours to compare with, and
    `halve` fill `drift_k` and `drift_n`; with lower bounds from classifiers they decide on flags
    (`kraskov.summarised`). `sweep=None` checks nothing and takes less time. Small noise separates coinciding samples,
    and `reason` says so; many of them flag the estimate. ValueError for N ≤ k, NaN, infinities, labels that are no
    integers and an unknown norm.
    """
    z = points(z, "z", 0)
    same_length(z, y, "z and y")
    labels, sizes = classes(y, len(z), 1)
    template = Estimate("I[Y;Z]", "ross", 0.0, n=len(z))
    if len(sizes) == 1:
        return alike(template.flagged("there is one class only: it carries no information"), k)
    z, labels, template = _without_lone_samples(z, labels, sizes, template)
    largest = int(torch.bincount(labels).max()) - 1 if len(labels) else 0
    numbers = Numbers.of(k, sweep, [z], norm, largest)
    if largest < max(numbers.asked):
        raise ValueError(f"no class has more than {largest + 1} samples; k = {max(numbers.asked)} neighbours need more")
    if bool(constant(z).all()):
        return alike(template.flagged("z is constant: it carries no information"), k)
    if standardise:
        z = _suited(z, labels, min(numbers.asked), norm)
    z, note, atoms = set_apart(z, "z")
    template = noted(template, note)
    if atoms:
        template = template.flagged("the law of z seems to have atoms")

    def contributions(samples: Tensor, numbers: Sequence[int], probes: Sequence[int]) -> dict[int, Terms]:
        return _terms(z.index_select(0, samples), labels[samples], numbers, probes, norm)

    question = Question(labels, 1 / z.shape[1], lambda: of_labels(z, labels))
    return summarised(template, contributions, numbers, halve, question)


def _without_lone_samples(
    z: Tensor, labels: Tensor, sizes: Tensor, template: Estimate
) -> tuple[Tensor, Tensor, Estimate]:
    """Samples, labels 0, 1, … and template without the classes of one sample, which have no neighbours of their own.

    Leaving out a share p moves I by about p ln N nats; the estimate is flagged where that is more than `LONE`.
    """
    lone = sizes[labels] == 1
    count = int(lone.sum())
    if not count:
        return z, labels, template
    note = f"{count} of {len(z)} samples are alone in their class and left out"
    moved = count / len(z) * math.log(len(z))
    template = dataclasses.replace(noted(template, note), n=len(z) - count)
    if moved > LONE:
        template = template.flagged(f"that may move I[Y;Z] by {moved:.2g} nats")
    return z[~lone], labels[~lone].unique(return_inverse=True)[1], template


def _suited(z: Tensor, labels: Tensor, k: int, norm: str) -> Tensor:
    """The samples (N, d), measured so that the information of a trial with classes of two samples or more shows."""
    some = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))[:TRIAL].to(z.device)
    own = labels[some].unique(return_inverse=True)[1]
    kept = (torch.bincount(own)[own] > 1).nonzero()[:, 0]
    own = own[kept].unique(return_inverse=True)[1]
    if not len(own):
        return standardised(z)

    def terms(variables: list[Tensor]) -> Terms:
        return _terms(variables[0][kept], own, (), (k,), norm)[k]

    return suited([z], terms, CHANGES)[0]


def _terms(z: Tensor, labels: Tensor, numbers: Sequence[int], probes: Sequence[int], norm: str) -> dict[int, Terms]:
    """The terms of each number of neighbours, with influences for `numbers` only."""
    n, every = len(z), sorted({*numbers, *probes})
    sizes = torch.bincount(labels)[labels]
    balls = class_balls(z, every, norm, labels)
    m = balls.counts.double() + 1
    wanted = torch.tensor([[k in numbers] for k in every], dtype=m.dtype, device=m.device)
    spreads = balls.spread(wanted / m) if len(numbers) else m
    terms = {}
    for k, others, spread in zip(every, m, spreads):
        terms[k] = Terms.zeros(n, z.device, of_classes=True)
        reached = (sizes - 1).clamp(max=k).double()
        own = digamma(n) + torch.digamma(reached) - torch.digamma(sizes.double()) - torch.digamma(others)
        if k in numbers:
            terms[k].add(balls, k, own, spread)
        else:
            terms[k].compare(balls, own)
    return terms
