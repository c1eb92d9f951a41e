"""Exact nearest neighbours by k-d trees in float64, for few dimensions on the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

TIE = 2.0**-40  # distances closer than this, relatively, count as equal
LISTS = 2048  # rows whose neighbours are listed at once


class SortedLine:
    """Counts within radii for one dimension."""

    def __init__(self, values: np.ndarray) -> None:
        self.line, self.where, numbers = np.unique(values, return_inverse=True, return_counts=True)
        self.before = np.concatenate([[0], numbers.cumsum()])

    def count(self, values: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Number of samples not farther than `radius` from each of `values`."""
        low, high = self._edges(values, radius)
        return self.before[high + 1] - self.before[low]

    def spread(self, values: np.ndarray, radius: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """For each sample, the sum of `weights` over the values that count it."""
        low, high = self._edges(values, radius)
        size = len(self.line) + 1
        steps = np.bincount(low, weights, size) - np.bincount(high + 1, weights, size)
        return steps.cumsum()[self.where]

    def _edges(self, values: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the first and the last distinct value not farther than `radius`, by rounded differences.

        x − r and x + r alone would miss them by a rounding step.
        """
        low = np.searchsorted(self.line, values - radius)
        high = np.searchsorted(self.line, values + radius, "right") - 1
        last = len(self.line) - 1
        for edge, step in ((low, -1), (high, 1)):
            while (inward := np.abs(self.line[edge.clip(0, last)] - values) > radius).any():
                edge[inward] -= step
            while True:
                beyond = edge + step
                outward = np.abs(self.line[beyond.clip(0, last)] - values) <= radius
                outward &= (beyond >= 0) & (beyond <= last)
                if not outward.any():
                    break
                edge[outward] += step
        return low, high


class TreeBlock:
    """All rows at once; the same interface as `blocks.Block`."""

    def __init__(self, search: TreeSearch, distances: np.ndarray, neighbours: np.ndarray) -> None:
        self._search = search
        self.neighbours = torch.from_numpy(neighbours)  # (N, k) samples
        self.rows = torch.arange(search.size)
        self.distances = torch.from_numpy(distances)  # (variables, N, k), nearest first

    def count(self, variable: int, radius: Tensor, inclusive: bool = False) -> Tensor:
        """Number of other samples nearer in `variable` than `radius` (N,), or, if `inclusive`, not farther; int64."""
        reach = radius.numpy() * (1 + TIE if inclusive else 1 - TIE)
        self._last = variable, reach
        return torch.from_numpy(self._search.within(variable, reach) - 1)  # not itself

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample (N,), the sum of `weights` (N,) over the rows that counted it in the last `count`."""
        return torch.from_numpy(self._search.spread(*self._last, weights.numpy()) - weights.numpy())


class TreeSearch:
    """As `blocks.BlockSearch`, with a k-d tree for the joint space and one for each variable.

    With `labels` (N,), neighbours are sought within each sample's own class; counts are over all samples.
    """

    def __init__(self, variables: Sequence[Tensor], k: int, norm: str, labels: Tensor | None = None) -> None:
        self.values = [values.double().numpy() for values in variables]
        self.k, self.size = k, len(variables[0])
        self.order = 2.0 if norm == "euclidean" else np.inf
        self.labels = np.zeros(self.size, dtype=np.int64) if labels is None else labels.numpy()
        self.workers = torch.get_num_threads()
        self._counters: dict[int, SortedLine | cKDTree] = {}

    def __iter__(self) -> Iterator[TreeBlock]:
        distances = np.empty((len(self.values), self.size, self.k))
        neighbours = np.empty((self.size, self.k), dtype=np.int64)
        for label in np.unique(self.labels):
            members = np.flatnonzero(self.labels == label)
            distances[:, members], found = self._nearest([values[members] for values in self.values])
            neighbours[members] = members[found]
        yield TreeBlock(self, distances, neighbours)

    def within(self, variable: int, radius: np.ndarray) -> np.ndarray:
        """Number of samples, itself included, not farther than `radius` (N,)."""
        values, counter = self.values[variable], self._counter(variable)
        if isinstance(counter, SortedLine):
            return counter.count(values[:, 0], radius)
        return counter.query_ball_point(values, radius, self.order, workers=self.workers, return_length=True)

    def spread(self, variable: int, radius: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """For each sample, the sum of `weights` over the samples within whose `radius` it lies, itself included."""
        values, counter = self.values[variable], self._counter(variable)
        if isinstance(counter, SortedLine):
            return counter.spread(values[:, 0], radius, weights)
        total = np.zeros(self.size)
        for start in range(0, self.size, LISTS):
            part = slice(start, start + LISTS)
            lists = counter.query_ball_point(values[part], radius[part], self.order, workers=self.workers)
            of_each = np.repeat(weights[part], [len(members) for members in lists])
            total += np.bincount(np.concatenate(lists).astype(np.int64), of_each, self.size)
        return total

    def _counter(self, variable: int) -> SortedLine | cKDTree:
        if variable not in self._counters:
            values = self.values[variable]
            self._counters[variable] = SortedLine(values[:, 0]) if values.shape[1] == 1 else cKDTree(values)
        return self._counters[variable]

    def _nearest(self, values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Distances (variables, n, k) and indices (n, k) of the k nearest by the largest distance of all variables.

        One variable, or the maximum norm, is a single metric. Otherwise the tree is searched in the maximum norm, which
        is never larger than our distance: once our k-th nearest of the points found is within the farthest of them in
        the maximum norm, no other point is nearer.
        """
        together = np.concatenate(values, 1)
        single = len(values) == 1 or self.order == np.inf or together.shape[1] == len(values)
        tree, order = cKDTree(together), self.order if len(values) == 1 else np.inf
        size, k = len(together), min(self.k, len(together) - 1)
        result, indices = np.empty((len(values), size, k)), np.empty((size, k), dtype=np.int64)
        rows, wanted = np.arange(size), k if single else 4 * k
        while len(rows):
            wanted = min(wanted, size - 1)
            reach, found = self._others(tree, together, rows, wanted, order)
            parts = np.stack([self._distance(part, rows, found) for part in values])
            sequence = np.argsort(parts.max(0), 1, kind="stable")[None, :, :k]
            parts = np.take_along_axis(parts, sequence, 2)
            done = (parts[:, :, -1].max(0) <= reach) | single | (wanted == size - 1)
            result[:, rows[done]] = parts[:, done]
            indices[rows[done]] = np.take_along_axis(found, sequence[0], 1)[done]
            rows, wanted = rows[~done], 4 * wanted
        missing = [(0, 0), (0, self.k - k)]  # in a small class: the farthest stands for all that do not exist
        return np.pad(result, [(0, 0), *missing], mode="edge"), np.pad(indices, missing, mode="edge")

    def _others(
        self, tree: cKDTree, points: np.ndarray, rows: np.ndarray, wanted: int, order: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The farthest distance and the indices of the `wanted` nearest points other than the row itself."""
        distance, found = tree.query(points[rows], wanted + 1, p=order, workers=self.workers)
        own = found == rows[:, None]
        own[~own.any(1), -1] = True  # more than `wanted` copies of the point: any one of them may stand for it
        return distance[:, -1], found[~own].reshape(len(rows), wanted)

    def _distance(self, values: np.ndarray, rows: np.ndarray, found: np.ndarray) -> np.ndarray:
        gaps = values[rows][:, None] - values[found]
        return np.sqrt(np.square(gaps).sum(-1)) if self.order == 2.0 else np.abs(gaps).max(-1)
