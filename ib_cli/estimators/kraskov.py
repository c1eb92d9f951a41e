"""What the nearest-neighbour estimators share: means of contributions, their errors, and whether they have settled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.neighbours.search import Neighbours

TRUST = 2.0  # standard errors; a larger drift is flagged


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

    @classmethod
    def zeros(cls, size: int, device: torch.device) -> Terms:
        """Zero terms of `size` samples, to be added to."""
        return cls(*torch.zeros(2, size, dtype=torch.float64, device=device))

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


# samples (n,), numbers of neighbours → the terms of each number
Contributions = Callable[[Tensor, Sequence[int]], dict[int, Terms]]


def neighbour_numbers(k: int | Sequence[int], sweep: Sequence[int]) -> list[int]:
    """All numbers of neighbours in `k` and `sweep`, ascending; ValueError unless all are integers ≥ 1."""
    asked = [k] if isinstance(k, int) else list(k)
    numbers = sorted({*asked, *sweep})
    if not asked or any(isinstance(number, bool) or not isinstance(number, int) or number < 1 for number in numbers):
        raise ValueError(f"k must be one or more positive integers, not {k!r} with the sweep {tuple(sweep)!r}")
    return numbers


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
    template: Estimate,
    contributions: Contributions,
    k: int | Sequence[int],
    sweep: Sequence[int],
    halve: bool,
    labels: Tensor,
) -> Estimate | list[Estimate]:
    """One estimate for each k (a list where `k` is a sequence), with drifts where `sweep` or `halve` asks for them.

    `drift_k` is the largest change of the value over the numbers of neighbours in `sweep`. `drift_n` is the value of
    all samples less the mean of the values of the two halves. The estimate is flagged where either exceeds `TRUST`
    standard errors: the bias at this N, which the standard error does not see, is then larger than the noise. The
    converse does not hold: in many dimensions the bias falls so slowly with N that it may be large where both drifts
    are small.
    """
    numbers = neighbour_numbers(k, sweep)
    whole = contributions(torch.arange(template.n, device=labels.device), numbers)
    values = {number: float(terms.own.mean()) for number, terms in whole.items()}
    halves = shuffled_halves(labels, numbers[-1] + 1) if halve else ()
    if halve and not halves:
        template = noted(template, "too few samples to halve")
    parts = [contributions(half, numbers) for half in halves]
    estimates = []
    for number in [k] if isinstance(k, int) else k:
        stderr = float(whole[number].influence.std() / template.n**0.5)
        drift_k = max((values[other] - values[number] for other in sweep), key=abs, default=None)
        drift_n = values[number] - sum(float(half[number].own.mean()) for half in parts) / 2 if parts else None
        estimate = dataclasses.replace(
            template, value=values[number], stderr=stderr, k=number, drift_k=drift_k, drift_n=drift_n
        )
        estimates.append(_judged(estimate, sweep))
    return estimates[0] if isinstance(k, int) else estimates


def noted(estimate: Estimate, note: str) -> Estimate:
    """The same estimate with one more remark in `reason` on what was done to the data."""
    return dataclasses.replace(estimate, reason="; ".join(filter(None, (estimate.reason, note))))


def alike(estimate: Estimate, k: int | Sequence[int]) -> Estimate | list[Estimate]:
    """The same estimate for every number of neighbours: one for a number `k`, a list for a sequence."""
    return estimate if isinstance(k, int) else [estimate for _ in k]


def _judged(estimate: Estimate, sweep: Sequence[int]) -> Estimate:
    stderr = estimate.stderr or 0.0
    for drift, why in (
        (estimate.drift_k, f"over k = {', '.join(map(str, sweep))}"),
        (estimate.drift_n, f"from {estimate.n // 2} to {estimate.n} samples"),
    ):
        if drift is not None and abs(drift) > TRUST * stderr:
            estimate = estimate.flagged(f"moves by {drift:+.3g} nats {why}, {TRUST:g} standard errors or more")
    return estimate
