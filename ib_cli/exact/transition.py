"""Where the rate of the information bottleneck leaves zero: the threshold of β, global and local."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import xlogy

from ib_cli.exact.fixed_point import Problem, log_likelihood
from ib_cli.exact.table import Table

SHARES = (1.0, 0.99, 0.9, 0.7, 0.4, 0.1, 0.01)  # of a value of x in the r(x) that a search starts from
VALUES = 64  # of x that searches start from: those of the least ratios
STEPS = 100  # of each search
FINALISTS = 8  # searches that go on
FINAL_STEPS = 500
STILL = 1e-13  # relative: a smaller fall of its ratio ends a search
NEAR = 1e-7  # nats: closer to p(y) the ratio is that of 1/ρ₁², and its rounding above 10⁻⁹


class Transition(NamedTuple):
    """Weights β of C, per weight of R, at which the optimum of R + βC leaves R = 0. Infinite where x tells nothing."""

    threshold: float  # by the global criterion: above it R = 0 is not optimal
    local: float  # 1/ρ₁²: above it R = 0 is not even a local optimum


def transition(table: Table) -> Transition:
    """The β at which R of min R + βC leaves zero for this p(x, y).

    R = 0 is optimal unless some c(y) has A(c) = Σ_x p(x) exp(β Σ_y p(y|x) ln c(y)/p(y)) > 1. The threshold is therefore
    the least KL(r(x) ‖ p(x)) / KL(r(y) ‖ p(y)) over r(x), with r(y) = Σ_x r(x) p(y|x): 1 over the constant of the
    strong data processing inequality (Anantharam, Gohari, Kamath and Nair 2013). Close to p(x) the least ratio is
    1/ρ₁², ρ₁ the maximal correlation: the second singular value of p(x, y)/√(p(x) p(y)). So threshold ≤ local; where
    it is less, R jumps.

    Searches start from many r(x): r(x) ∝ p(x) exp(β Σ_y p(y|x) ln r(y)/p(y)), with β the ratio of the last r(x), never
    raises the ratio. The least that they find is an upper bound of the threshold.
    """
    used = table.joint[table.x > 0][:, table.y > 0]
    x, y = used.sum(1), used.sum(0)
    rows, local = used / x[:, None], _local(used, x, y)
    r, ratio = _descended(_starts(x, y, rows), x, y, rows, STEPS)
    best = ratio.argsort()[:FINALISTS]
    _, ratio = _descended(r[best], x, y, rows, FINAL_STEPS)
    return Transition(min(local, float(ratio.min())), local)


def _descended(r: Tensor, x: Tensor, y: Tensor, rows: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Each r(x) after at most so many steps, (S, X), and the least ratio on its way, (S,)."""
    ratio = _ratio(r, x, y, rows)
    moving = ratio.isfinite().nonzero()[:, 0]
    for _ in range(steps):
        if not len(moving):
            break
        own, c = Problem(x, rows, ratio[moving]), r[moving] @ rows
        tilt = log_likelihood(own, c[:, None])[:, 0] - log_likelihood(own, y.expand_as(c)[:, None])[:, 0]
        r[moving] = (x.log() + tilt).softmax(-1)
        last, found = ratio[moving], _ratio(r[moving], x, y, rows)
        ratio[moving] = torch.minimum(last, found)
        moving = moving[last - found > STILL * last]
    return r, ratio


def _starts(x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """r(x) between p(x) and single values of x, (S, X)."""
    single = torch.eye(len(x), dtype=x.dtype)
    first = _ratio(single, x, y, rows).argsort()[:VALUES]
    return torch.cat([share * single[first] + (1 - share) * x for share in SHARES])


def _ratio(r: Tensor, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """KL(r(x) ‖ p(x)) / KL(r(y) ‖ p(y)) of each r, (S,); infinite where r(y) is near p(y)."""
    told = _divergence(r @ rows, y)
    return torch.where(told > NEAR, _divergence(r, x) / told, torch.inf)


def _local(joint: Tensor, x: Tensor, y: Tensor) -> float:
    """1/ρ₁²."""
    singular = torch.linalg.svdvals(joint / (x[:, None] * y).sqrt())
    return float(1 / singular[1].square()) if len(singular) > 1 and singular[1] > 1e-8 else float("inf")


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) in nats over the last dimension."""
    return (xlogy(p, p) - xlogy(p, q)).sum(-1)
