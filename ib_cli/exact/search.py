"""The search for the value of z whose addition lowers F most."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ib_cli.exact.fixed_point import Problem, conditional, log_likelihood

ASCENTS = 20  # steps from every start
FINAL_ASCENTS = 300  # steps from the best of them
FINALISTS = 8
MIDPOINTS = 256  # at most so many pairs of rows are starts by their midpoints


def best_state(problem: Problem, joint: Tensor, log_mix: Tensor) -> tuple[Tensor, Tensor]:
    """The c(y) (B, Y) of the largest A = Σ_x p(x) L(x, c) / mix(x) that is found, and its ln A (B,).

    At an optimum A ≤ 1 everywhere, and F* ≥ F − ln max_c A(c) always: F is convex in the distribution of c (a mixture's
    likelihood; Lindsay 1983 for the condition, Csiszár 1974 for the bound). A has many local maxima: the largest that
    is found may be another than the largest (`ceiling` proves it). The best of all starts climb further.
    """
    base = problem.x.log() - log_mix
    c, gain = climb(problem, base, _starts(problem, joint), ASCENTS)
    finalists = gain.topk(min(FINALISTS, gain.shape[1])).indices
    c, gain = climb(problem, base, c.gather(1, finalists[..., None].expand(-1, -1, c.shape[2])))
    best = gain.argmax(1)
    rows = torch.arange(len(c))
    return c[rows, best], gain[rows, best]


def climb(problem: Problem, base: Tensor, c: Tensor, ascents: int = FINAL_ASCENTS) -> tuple[Tensor, Tensor]:
    """c (B, S, Y) after so many steps c ← Σ_x r(x) p(y|x), r(x) ∝ p(x) L(x, c) / mix(x), and ln A (B, S).

    No step lowers A. `base` is ln p(x) / mix(x), (B, X).
    """
    base = base[:, None]
    for _ in range(ascents):
        c = (base + log_likelihood(problem, c)).softmax(-1) @ problem.y_given_x
    return c, (base + log_likelihood(problem, c)).logsumexp(-1)


def _starts(problem: Problem, joint: Tensor) -> Tensor:
    """Every p(y|x), the states, and points inside the simplex, (B, S, Y).

    A start whose c(y) is 0 for some y keeps it 0. Therefore the inside has starts of its own: p(y), the middle between
    it and each p(y|x), and the midpoints of pairs of rows.
    """
    rows = problem.y_given_x
    of_y = problem.x @ rows
    first, second = torch.triu_indices(len(rows), len(rows), 1)
    if len(first) > MIDPOINTS:
        some = torch.randperm(len(first), generator=Generator().manual_seed(0))[:MIDPOINTS]
        first, second = first[some], second[some]
    same = torch.cat([rows, of_y[None], (rows + of_y) / 2, (rows[first] + rows[second]) / 2])
    states = torch.where(joint.sum(-1, True) > 0, conditional(joint), rows[0])
    inside = torch.where(joint.sum(-1, True) > 0, (states + of_y) / 2, of_y)
    return torch.cat([same.expand(len(joint), *same.shape), states, inside], 1)
