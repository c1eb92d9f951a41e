"""A ceiling of A(c), proven by branch and bound: no value of z, of whatever c(y), would lower F by more."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ib_cli.exact.fixed_point import FORBIDDEN, Problem
from ib_cli.exact.search import climb

AT_ONCE = 200_000  # elements (cells × corners × values of x) of a batch of cells
EFFORT = 30_000_000  # elements that are spent on one problem; what is not proven by then stays open
MOST_CELLS = 400_000  # of one problem
MEMORY = 10_000_000  # elements (cells × corners × labels) that are kept of one problem
TOGETHER = 4096  # problems whose bounds are sought at once, over 4 to the power of a cell's corners


class Ceiling(NamedTuple):
    """What is known of max_c ln A(c) of each problem: ln A(c) = gain ≤ max ln A ≤ bound."""

    c: Tensor  # (B, Y)
    gain: Tensor  # (B,)
    bound: Tensor  # (B,)


class _Cells(NamedTuple):
    """Simplices of c, and ln A at their centres."""

    of: Tensor  # (N,) the problem
    corners: Tensor  # (N, V, Y)
    centre: Tensor  # (N, Y)
    value: Tensor  # (N,) ln A at the centre
    top: Tensor  # (N,) ln A is nowhere above, in the cell

    def chosen(self, rows: Tensor) -> _Cells:
        return _Cells(*(each[rows] for each in self))


def ceiling(problem: Problem, log_mix: Tensor, slack: Tensor) -> Ceiling:
    """Bound max_c ln A(c), A(c) = Σ_x p(x) L(x, c) / mix(x), over all c; ln mix is (B, X), `slack` (B,) in nats.

    A problem ends where its bound is within `slack` of max(gain, 0), where a gain above `slack` is found, or where the
    effort is spent. Each step halves the cells of the largest bounds along their longest edge.
    """
    root = _root(problem.y_given_x)
    parts = torch.arange(len(slack)).split(max(TOGETHER // 4 ** len(root), 1))
    found = [_ceiling(problem.of(part), log_mix[part], slack[part], root) for part in parts]
    return Ceiling(*(torch.cat(each) for each in zip(*found)))


def _ceiling(problem: Problem, log_mix: Tensor, slack: Tensor, root: Tensor) -> Ceiling:
    base, size = problem.x.log() - log_mix, len(slack)
    cells = _cells(problem, base, torch.arange(size), root.expand(size, *root.shape))
    c, gain, bound = cells.centre.clone(), cells.value.clone(), torch.full_like(slack, -torch.inf)
    width = root.shape[0] * base.shape[1]  # elements of a cell
    most, batch = min(MOST_CELLS, EFFORT // width, MEMORY // root.numel()), max(AT_ONCE // width, 16)
    spent = torch.zeros(size)
    while len(cells.of):
        excess = cells.top - (gain.clamp(min=0) + slack)[cells.of]
        over = (gain > slack) | (spent > most)
        closed = (excess <= 0) | over[cells.of]
        bound.scatter_reduce_(0, cells.of[closed], cells.top[closed], "amax")
        cells, order = cells.chosen(~closed), excess[~closed].argsort(descending=True, stable=True)
        count = max(batch, len(order) // 4)  # a part of all, as the rest is copied
        halves = [_halved(problem, base, cells.chosen(part)) for part in order[:count].split(batch)]
        for each in halves:
            spent += torch.bincount(each.of, minlength=size)
            best, where = _largest(each, size)
            better = best > gain
            gain, c[better] = torch.maximum(gain, best), each.centre[where[better]]
        cells = _Cells(*(torch.cat(each) for each in zip(*halves, cells.chosen(order[count:]))))
    c, last = (each[:, 0] for each in climb(problem, base, c[:, None]))
    gain = torch.maximum(gain, last)
    return Ceiling(c, gain, torch.maximum(bound, gain))


def _root(rows: Tensor) -> Tensor:
    """A simplex (V, Y) that holds every p(y|x): A is largest within their hull, as `climb` moves into it and up."""
    if len(rows) <= rows.shape[1]:
        return rows
    low = rows.amin(0)
    return low + (1 - low.sum()) * torch.eye(rows.shape[1], dtype=rows.dtype)


def _cells(problem: Problem, base: Tensor, of: Tensor, corners: Tensor) -> _Cells:
    """Cells with their bounds.

    A geometric mean is at most the arithmetic one: L(x, c) ≤ L(x, c₀) (Σ_y p(y|x) c(y) / c₀(y))^β, with the centre c₀.
    For β ≥ 1 the right side is convex in c, and Σ_x p(x) L / mix with it: it is largest at a corner. For β < 1 the
    exponential of β (Σ_y p(y|x) c(y) / c₀(y) − 1) is above both and convex. The bound is above A by the square of the
    cell's size.
    """
    centre = corners.mean(1)
    beta = problem.beta[of, None]
    at = base[of] + beta * (torch.where(centre > 0, centre.log(), FORBIDDEN) @ problem.y_given_x.T)
    from_centre = torch.where(centre[:, None] > 0, corners / centre[:, None], 1) @ problem.y_given_x.T
    beta = beta[..., None]
    tops = (at[:, None] + torch.where(beta >= 1, beta * from_centre.log(), beta * (from_centre - 1))).logsumexp(-1)
    return _Cells(of, corners, centre, at.logsumexp(-1), tops.amax(-1))


def _halved(problem: Problem, base: Tensor, cells: _Cells) -> _Cells:
    """Both halves of each cell, cut at the middle of the edge that is longest by Σ_y Δc(y)² / c₀(y)."""
    count, rows = cells.corners.shape[1], torch.arange(len(cells.of))
    first, second = torch.triu_indices(count, count, 1)
    if not len(first):  # a cell of one corner is that point
        return cells.chosen(rows[:0])
    edges = cells.corners[:, first] - cells.corners[:, second]
    longest = torch.where(cells.centre[:, None] > 0, edges**2 / cells.centre[:, None], 0).sum(-1).argmax(1)
    i, j = first[longest], second[longest]
    middle = (cells.corners[rows, i] + cells.corners[rows, j]) / 2
    left, right = cells.corners.clone(), cells.corners.clone()
    left[rows, i], right[rows, j] = middle, middle
    return _cells(problem, base, cells.of.repeat(2), torch.cat([left, right]))


def _largest(cells: _Cells, size: int) -> tuple[Tensor, Tensor]:
    """The largest value at a centre for each problem (B,), −∞ without a cell, and its cell."""
    if not len(cells.of):
        return torch.full((size,), -torch.inf, dtype=cells.value.dtype), torch.zeros(size, dtype=torch.int64)
    own = cells.of == torch.arange(size)[:, None]
    best, where = torch.where(own, cells.value, -torch.inf).max(1)
    return best, where
