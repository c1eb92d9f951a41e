"""Balls about each sample that reach to its neighbours of its own class, and all samples inside; exact."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ib_cli.estimators.neighbours.blocks import BlockSearch
from ib_cli.estimators.neighbours.class_balls import Crossing
from ib_cli.estimators.neighbours.distances import TIE
from ib_cli.estimators.neighbours.search import suit_trees
from ib_cli.estimators.neighbours.space import Space
from ib_cli.estimators.neighbours.tree import TreeSearch


def padded(values: Tensor, k: int) -> Tensor:
    """Values (…, r) of the r ≤ k nearest as (…, k): the farthest stands for all that do not exist."""
    return torch.cat([values, values[..., -1:].expand(*values.shape[:-1], k - values.shape[-1])], -1)


class TreeBalls:
    """Balls by k-d trees."""

    def __init__(self, values: Tensor, numbers: Sequence[int], norm: str, labels: Tensor) -> None:
        self._search = TreeSearch([values], numbers[-1], norm, labels)
        block = next(iter(self._search))
        self.rows, self.neighbours = block.rows, block.neighbours  # (N,), (N, k) samples
        self.distances = block.distances  # (1, N, k), nearest first
        radii = [block.distances[0, :, number - 1] for number in numbers]
        self._reaches = [radius.numpy() * (1 - TIE) for radius in radii]
        self.counts = torch.stack([block.count(0, radius) for radius in radii])  # (numbers, N)

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample, the sum of `weights` (numbers, N) of the balls of others that it is in, (numbers, N)."""
        sums = torch.zeros_like(weights)
        for reach, weight, total in zip(self._reaches, weights, sums):
            if weight.any():
                total += torch.from_numpy(self._search.spread(0, reach, weight.numpy())) - weight
        return sums


class BlockBalls:
    """Balls by blocks of the distance matrix, on any device; the same interface as `TreeBalls`.

    Within a sample's own class nothing is counted: only its k nearest are nearer than the k-th.
    """

    def __init__(self, values: Tensor, numbers: Sequence[int], norm: str, labels: Tensor) -> None:
        size, k, device = len(values), numbers[-1], values.device
        self.rows, space = torch.arange(size, device=device), Space(device)
        self.neighbours = torch.empty(size, k, dtype=torch.int64, device=device)
        self.distances = torch.empty(1, size, k, dtype=torch.float64, device=device)
        for members in labels.argsort(stable=True).split(torch.bincount(labels).tolist()):
            reached = min(k, len(members) - 1)
            for block in BlockSearch([values.index_select(0, members)], reached, norm, space):
                rows = members[block.rows]
                self.neighbours[rows] = padded(members[block.neighbours], k)
                self.distances[:, rows] = padded(block.distances, k)
        radii = self.distances[0][:, [number - 1 for number in numbers]].T
        self._nearer = self.distances[0].square() < radii[..., None].square() * (1 - TIE)  # (numbers, N, k)
        self._others = Crossing(values, labels, radii, norm, space)
        self.counts = self._nearer.sum(2) + self._others.counts  # (numbers, N)

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample, the sum of `weights` (numbers, N) of the balls of others that it is in, (numbers, N)."""
        total = self._others.spread(weights)
        for weight, nearer, into in zip(weights, self._nearer, total):
            owner, neighbour = nearer.nonzero(as_tuple=True)
            into += torch.bincount(self.neighbours[owner, neighbour], weight[owner], len(weight))
        return total


def class_balls(values: Tensor, numbers: Sequence[int], norm: str, labels: Tensor) -> TreeBalls | BlockBalls:
    """Balls about every sample of `values` (N, d) up to its k-th nearest of its own class, for each k of `numbers`.

    `numbers` ascend. `labels` (N,) are 0, 1, …; each class has two samples or more. In a class of k samples or fewer
    the ball reaches to the farthest. A ball holds the other samples of any class that are nearer than its k-th. Exact
    as if all was done in float64, where distances that differ by less than 2⁻⁴⁰, relatively, are equal. The result
    carries no gradient. ValueError for an unknown norm.
    """
    search = TreeBalls if suit_trees([values], norm) else BlockBalls
    return search(values.detach(), numbers, norm, labels)
