"""Standard errors of slopes that have few replicates each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

RECENT = 5  # steps of the path whose variances are pooled


class Spread:
    """Pools the variance of a slope over the last steps of the path.

    A slope has n replicates, other random numbers in each; it is their mean. Two or three of them say little of their
    variance s², which changes slowly along a path: it is the mean of the last `RECENT` steps' variances, weighted by
    their degrees of freedom, of slopes in relative units, λ ∂/∂λ and γ ∂/∂γ. With ν degrees of freedom in all, the
    standard error is √(s²/n · ν/(ν − 2)): the deviation of a slope divided by it, Student's t times √((ν − 2)/ν), then
    has variance 1 whatever ν. The first slopes have no earlier ones and so twice the replicates, at least 4.
    Differences of another width have a pool of their own.
    """

    def __init__(self) -> None:
        self._pools: dict[str, list[dict[str, list[float]]]] = {}  # width → steps → slope → [variance, n − 1]

    def replicates(self, copies: int, wider: float) -> int:
        """How many replicates the next slopes of this width need."""
        return copies if self._pools.get(str(wider)) else max(2 * copies, 4)

    def stderrs(self, wider: float, replicates: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """The standard error of each slope, given its replicates in relative units, which join the pool."""
        pool = self._pools.setdefault(str(wider), [])
        pool.append({name: [_variance(values), len(values) - 1.0] for name, values in replicates.items()})
        del pool[:-RECENT]
        found = {}
        for name, values in replicates.items():
            known = [step[name] for step in pool if name in step]
            freedom = sum(count for _, count in known)
            variance = sum(count * each for each, count in known) / freedom
            found[name] = math.sqrt(variance / len(values) * freedom / (freedom - 2))
        return found

    def state(self) -> dict[str, Any]:
        """The pools, for a checkpoint."""
        return {wider: list(pool) for wider, pool in self._pools.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the pools of a checkpoint."""
        self._pools = {wider: list(pool) for wider, pool in state.items()}


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
