"""What the nearest-neighbour estimators share: means of contributions, their errors, and whether they can be right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ib_cli.estimators.barber_agakov import LowerBound
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.neighbours.search import Neighbours, suit_trees

TRUST = 2.0  # standard errors; a value that is further below a lower bound, or moves further from half of N, is flagged
BIAS = 3.0  # standard errors; a larger bias, as the drift over k shows it, is flagged
CHANCE = 3.0  # errors of a difference; a smaller one may be chance
DEPENDENT = math.sqrt(2)  # error of a drift over the error as if samples were independent; 1.0 to 1.5 was measured
LEVERS = (0.75, 10.0)  # bias over drift, at least and at most: no power law holds for long
TRIAL = 2000  # samples that choose how distances are measured
FAR = {True: 20, False: 10}  # numbers of neighbours to compare with: by trees, by blocks, where more takes long

FEW = 50  # samples for each neighbour compared with

Sweep = Sequence[int] | int | Literal["auto"] | None


@dataclasses.dataclass(frozen=True)
class Terms:
    """Each sample's own term and its influence on the estimate; the estimate is the mean of `own`.

    A sample moves the estimate by its own term and by the terms of the samples whose balls it lies in. With balls of
    fixed size, the logarithm of a count n changes by 1/n for each sample that enters the ball. The influence of a
    sample is therefore its own term, plus 1/k for each ball in which it is one of the k nearest, less 1/(n + 1) for
    each ball of n others in which it lies. The spread of `influence` gives the standard error. The spread of `own`
    alone is too small by up to a factor of two and a half in many dimensions, where few samples are neighbours of many.
    """

    own: Tensor  # (n,)
    influence: Tensor  # (n,), up to a constant
    of_classes: bool = False  # whether balls reach to neighbours of the same class

    @property
    def spread(self) -> Tensor:
        """What tells the error of a difference from another mean over the same samples, (n,), up to a constant.

        The influence; but the own terms where balls reach to neighbours of the same class, as the influence was then
        found too large by up to a factor of five.
        """
        return DEPENDENT * self.own if self.of_classes else self.influence

    @classmethod
    def zeros(cls, size: int, device: torch.device, of_classes: bool = False) -> Terms:
        """Zero terms of `size` samples, to be added to."""
        own, influence = torch.zeros(2, size, dtype=torch.float64, device=device)
        return cls(own, influence, of_classes)

    def add(self, block: Neighbours, k: int, own: Tensor, *counted: Tensor, weight: Tensor | float = 1.0) -> None:
        """Adds the terms `own` (B,) of a block's rows, and the influences through their balls.

        Each of a ball's k nearest gains `weight`/k, (B,) or a number. `counted`, from `spread`, is subtracted.
        """
        self.own[block.rows] = own
        self.influence[block.rows] += own
        share = torch.as_tensor(weight / k, device=own.device, dtype=own.dtype).expand(len(own))
        members = block.neighbours[:, :k].flatten()
        self.influence.add_(torch.bincount(members, share.repeat_interleave(k), len(self.own)))
        for influence in counted:
            self.influence.sub_(influence)

    def compare(self, block: Neighbours, own: Tensor) -> None:
        """Sets the terms `own` (B,) of a block's rows, without influences: for a mean that needs no error."""
        self.own[block.rows] = own


# samples (n,), numbers of neighbours → the terms of each number; the second numbers need no influence
Contributions = Callable[[Tensor, Sequence[int], Sequence[int]], dict[int, Terms]]


@dataclasses.dataclass(frozen=True)
class Numbers:
    """The numbers of neighbours of one call."""

    k: int | Sequence[int]  # as given
    asked: list[int]
    sweep: list[int]  # to compare with, as far as there are samples
    left_out: list[int]  # of the sweep, for want of samples

    @classmethod
    def of(cls, k: int | Sequence[int], sweep: Sweep, variables: Sequence[Tensor], norm: str, largest: int) -> Numbers:
        """Checks `k` and `sweep` for samples with `largest` others at most; ValueError unless they are integers ≥ 1.

        The automatic sweep is one number: 20 or 10 (`FAR`), at most a fiftieth of the samples, at least twice k.
        """
        asked = [k] if isinstance(k, int) else list(k)
        trees = suit_trees(variables, norm)
        if any(isinstance(number, bool) or not isinstance(number, int) or number < 1 for number in asked) or not asked:
            raise ValueError(f"k must be one or more positive integers, not {k!r}")
        if sweep == "auto":
            sweep = [max(2 * max(asked), min(FAR[trees], len(variables[0]) // FEW))]
        wanted = [sweep] if isinstance(sweep, int) else list(sweep or ())
        if any(isinstance(number, bool) or not isinstance(number, int) or number < 1 for number in wanted):
            raise ValueError(f"sweep must be 'auto', None or positive integers, not {sweep!r}")
        return cls(k, asked, [n for n in wanted if n <= largest], [n for n in wanted if n > largest])

    @property
    def ascending(self) -> list[int]:
        """All that are searched for."""
        return sorted({*self.asked, *self.sweep})

    @property
    def probes(self) -> list[int]:
        """Those that are only compared with."""
        return sorted(set(self.sweep) - set(self.asked))

    @property
    def checked(self) -> bool:
        """Whether any check was asked for."""
        return bool(self.sweep or self.left_out)


@dataclasses.dataclass(frozen=True)
class Question:
    """What the checks of an estimate must know of it."""

    labels: Tensor  # (N,) classes that halves must share evenly; `whole_class` where there are none
    exponent: float  # p of a bias that grows as k^p: 2/d for a smooth density, 1/d where it has edges
    bounds: Callable[[], list[LowerBound]] = list  # lower bounds of the same quantity
    copula: Callable[[float], Estimate | None] = lambda least: None  # a lower bound of it above so many nats
    ceiling: float = math.inf  # nats that the quantity cannot exceed
    of_ceiling: str = ""  # what has as much


def whole_class(values: Tensor) -> Tensor:
    """Labels (N,) that put all samples into one class."""
    return torch.zeros(len(values), dtype=torch.int64, device=values.device)


def shuffled_halves(labels: Tensor, least: int) -> tuple[Tensor, ...]:
    """Indices of two halves of the samples, the same at every call, with equal shares of every class of `labels` (N,).

    Empty where a half would have fewer than `least` samples of a class.
    """
    if int(torch.bincount(labels).min()) // 2 < least:
        return ()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0)).to(labels.device)
    order = order[labels[order].argsort(stable=True)]
    return order[::2], order[1::2]


def summarised(
    template: Estimate, contributions: Contributions, numbers: Numbers, halve: bool, question: Question
) -> Estimate | list[Estimate]:
    """One estimate for each k (a list where `k` is a sequence), checked where a sweep or halves were asked for.

    `drift_k` is the largest change of the value over the numbers of neighbours in the sweep. `drift_n` is the value of
    all samples less the mean of the values of the two halves. An estimate is flagged where

    - the drift over k is no chance, and the bias that it shows exceeds `BIAS` standard errors: with a bias ~ k^p,
      bias(k) = drift k^p / (far^p − k^p), which in many dimensions is a multiple of the drift (of `LEVERS`);
    - a lower bound lies above it, by `TRUST` standard errors and by more than chance. Both come from the same samples,
      so chance is the error of the mean of their differences;
    - it exceeds a ceiling;
    - `drift_n` exceeds `TRUST` standard errors.

    No flag is no promise: what neither neighbours nor regressions can see stays unseen.
    """
    everyone = torch.arange(template.n, device=question.labels.device)
    whole = contributions(everyone, numbers.asked, numbers.probes)
    halves = shuffled_halves(question.labels, max(numbers.asked) + 1) if halve else ()
    if halve and not halves:
        template = noted(template, "too few samples to halve")
    if numbers.left_out and not numbers.sweep:
        template = noted(template, f"too few samples to compare with k = {', '.join(map(str, numbers.left_out))}")
    parts = [contributions(half, (), numbers.asked) for half in halves]
    bounds = question.bounds() if numbers.checked else []
    estimates = []
    for k in numbers.asked:
        value = float(whole[k].own.mean())
        stderr = float(whole[k].influence.std() / template.n**0.5)
        drifts = [float((whole[other].own - whole[k].own).mean()) for other in numbers.sweep]
        drift_n = value - sum(float(half[k].own.mean()) for half in parts) / 2 if parts else None
        drift_k = max(drifts, key=abs, default=None)
        found = dataclasses.replace(template, value=value, stderr=stderr, k=k, drift_k=drift_k, drift_n=drift_n)
        reasons = [biased(found, whole, numbers, question.exponent), halved(found)]
        if numbers.checked:
            reasons += [too_low(found, whole[k], bounds), too_high(found, question)]
            if not any(reasons):
                reasons.append(below(found, question))  # takes the longest
        for reason in filter(None, reasons):
            found = found.flagged(reason)
        estimates.append(found)
    return estimates[0] if isinstance(numbers.k, int) else estimates


def suited(
    variables: Sequence[Tensor], terms: Callable[[list[Tensor]], Terms], changes: Sequence[Callable[[Tensor], Tensor]]
) -> list[Tensor]:
    """The variables (N, d) each after that one of `changes`, invertible and so without effect on I, that shows most.

    Distances depend on units and on shapes, and neighbours see too little where they do not suit. The first change is
    taken unless another one raises the mean of `terms` of `TRIAL` samples by `CHANCE` errors of the difference.
    """
    some = torch.randperm(len(variables[0]), generator=torch.Generator().manual_seed(0))[:TRIAL]
    best: tuple[list[Tensor], Terms] | None = None
    for change in changes:
        changed = [change(values) for values in variables]
        found = terms([values[some.to(values.device)] for values in changed])
        if best is not None:
            gain = float((found.own - best[1].own).mean())
            if gain <= CHANCE * float((found.spread - best[1].spread).std()) / len(some) ** 0.5:
                continue
        best = changed, found
    assert best is not None  # there is one change or more
    return best[0]


def biased(estimate: Estimate, whole: dict[int, Terms], numbers: Numbers, p: float) -> str:
    """Why the drift over k says that the value is biased; '' where it does not."""
    k, value, stderr = estimate.k or 0, estimate.value or 0.0, estimate.stderr or 0.0
    others = [other for other in numbers.sweep if other != k]
    if not others:
        return ""
    far = max(others, key=lambda other: abs(math.log(other / k)))
    gaps = whole[far].own - whole[k].own
    drift, error = float(gaps.mean()), DEPENDENT * float(gaps.std()) / estimate.n**0.5
    lever = min(max(k**p / abs(far**p - k**p), LEVERS[0]), LEVERS[1])
    if abs(drift) <= CHANCE * error or lever * abs(drift) <= BIAS * stderr:
        return ""
    direction = "high" if (drift > 0) == (far > k) else "low"
    return (
        f"{estimate.quantity} moves by {drift:+.3g} nats from k = {k} to {far}: {value:.3g} is too {direction}, "
        f"perhaps by {lever * abs(drift):.2g}"
    )


def halved(estimate: Estimate) -> str:
    """Why the drift from half of the samples says that the value has not settled; '' where it does not."""
    drift = estimate.drift_n
    if drift is None or abs(drift) <= TRUST * (estimate.stderr or 0.0):
        return ""
    return (
        f"{estimate.quantity} moves by {drift:+.3g} nats from {estimate.n // 2} to {estimate.n} samples, "
        f"{TRUST:g} standard errors or more"
    )


def too_low(estimate: Estimate, terms: Terms, bounds: Sequence[LowerBound]) -> str:
    """The lower bound that the value lies below, beyond doubt; '' without one."""
    shown, by = -math.inf, ""
    for bound in bounds:
        rows = bound.rows.to(terms.own.device)
        gap = float((bound.terms.to(rows.device) - terms.own[rows]).mean())
        error = float((bound.terms.to(rows.device) - terms.spread[rows]).std()) / len(rows) ** 0.5
        if gap > TRUST * max(estimate.stderr or 0.0, error) and bound.value > max(shown, 0.0):
            shown, by = bound.value, bound.shown_by
    return f"{estimate.quantity} is too low: {by} shows {shown:.3g} nats or more" if by else ""


def below(estimate: Estimate, question: Question) -> str:
    """Why a Gaussian copula, or the sign, says that an information is too low; '' where they do not."""
    value, stderr = estimate.value or 0.0, estimate.stderr or 0.0
    if not estimate.quantity.startswith("I["):
        return ""
    if value < -BIAS * stderr:
        return f"{estimate.quantity} is too low: no information is negative"
    bound = question.copula(value + TRUST * stderr)
    if bound is None or bound.lower is None or bound.lower <= value + TRUST * (bound.stderr or 0.0):
        return ""
    return f"{estimate.quantity} is too low: a Gaussian copula shows {bound.lower:.3g} nats or more"


def too_high(estimate: Estimate, question: Question) -> str:
    """The ceiling that the value exceeds, beyond doubt; '' without one."""
    if (estimate.value or 0.0) - TRUST * (estimate.stderr or 0.0) <= question.ceiling:
        return ""
    return f"{estimate.quantity} is too high: {question.of_ceiling} has {question.ceiling:.3g} nats"


def noted(estimate: Estimate, note: str) -> Estimate:
    """The same estimate with one more remark in `reason` on what was done to the data."""
    return dataclasses.replace(estimate, reason="; ".join(filter(None, (estimate.reason, note))))


def alike(estimate: Estimate, k: int | Sequence[int]) -> Estimate | list[Estimate]:
    """The same estimate for every number of neighbours: one for a number `k`, a list for a sequence."""
    return estimate if isinstance(k, int) else [estimate for _ in k]
