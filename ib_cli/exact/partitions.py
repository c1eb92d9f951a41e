"""Optimal deterministic encoders with fewer states than x has values: a search over partitions."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.special import xlogy


def best_partition(
    joint: Tensor, tau: float, gamma: float, states: int, restarts: int, generator: Generator
) -> tuple[Tensor, int]:
    """The state of each x, (X,), that makes τ H(Z) + γ H(Y|Z) small for τ ≤ 0, and the number of sweeps.

    For τ ≤ 0 the functional is concave in e(z|x), so a partition is optimal, and for it I(X;Z) = H(Z). From random
    partitions, one x after the other moves to its best state (Slonim, Friedman and Tishby 2002, the sequential
    bottleneck) until none moves. The best of the restarts is returned: at least a local optimum. `joint` is p(x, y)
    (X, Y), every p(x) > 0.
    """
    rows = torch.arange(restarts)
    labels = torch.randint(states, (restarts, len(joint)), generator=generator)
    sums = joint.new_zeros(restarts, states, joint.shape[1])
    sums.scatter_add_(1, labels[..., None].expand(-1, -1, joint.shape[1]), joint.expand(restarts, -1, -1))

    def cost(of_state: Tensor) -> Tensor:  # the contribution of a state p(z, y) to the functional
        m = of_state.sum(-1)
        return (gamma - tau) * xlogy(m, m) - gamma * xlogy(of_state, of_state).sum(-1)

    sweeps, moved = 0, True
    while moved:
        sweeps, moved = sweeps + 1, False
        for i, row in enumerate(joint):
            here = labels[:, i]
            without = sums.clone()
            without[rows, here] = (without[rows, here] - row).clamp(min=0)  # rounding may leave values below 0
            change = cost(without + row) - cost(without)
            best = change.argmin(1)
            better = change[rows, best] < change[rows, here] - 1e-15
            labels[better, i] = best[better]
            sums[better] = without[better]
            sums[rows[better], best[better]] += row
            moved |= bool(better.any())
    return labels[cost(sums).sum(1).argmin()], sweeps
