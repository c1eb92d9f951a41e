"""Squared distances of one variable: exact ones between pairs, and whole blocks of rows with a bound on their error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

ROUNDING = 2.0**-24  # of float32
TIE = 2.0**-40  # squared distances closer than this, relatively, count as equal
PADDING = 1e30  # squared distance to a column that stands for no sample
CHUNK = 250_000  # float64 numbers made at once, so that they stay in the cache


@contextmanager
def full_float32() -> Iterator[None]:
    """Float32 matrix products within use neither TF32 nor bfloat16; the caller's setting is restored."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Points:
    """Samples of one variable, (N, d), and their exact squared distances by `norm`, 'euclidean' or 'max'."""

    def __init__(self, values: Tensor, norm: str) -> None:
        self.values, self.norm = values, norm
        self.size, self.width = values.shape

    def farthest(self) -> float:
        """The largest distance from the mean in any one dimension."""
        mean = self.values.mean(0)
        return float(torch.maximum(self.values.amax(0) - mean, mean - self.values.amin(0)).max())

    def mean(self, samples: Tensor) -> Tensor:
        """The mean of some samples, (d,) in float64."""
        return sum(self.values.index_select(0, part).double().sum(0) for part in samples.split(self._step())) / len(
            samples
        )

    def from_one(self, point: Tensor) -> Tensor:
        """Euclidean distances (N,) from `point` (d,), in the samples' own precision."""
        return torch.cat([torch.linalg.vector_norm(part - point, dim=1) for part in self.values.split(self._step())])

    def squared(self, i: Tensor, j: Tensor) -> Tensor:
        """Squared distances (B, m) between samples `i` (B,) and `j` (B, m), in float64 from differences."""
        parts = []
        step = max(self._step() // max(j.shape[1], 1), 1)
        for a, b in zip(i.split(step), j.split(step)):
            gaps = self.values.index_select(0, b.flatten()).double().unflatten(0, b.shape)
            gaps -= self.values.index_select(0, a).double()[:, None]
            parts.append(gaps.square_().sum(-1) if self.norm == "euclidean" else gaps.abs_().amax(-1).square_())
        return torch.cat(parts)

    def squared_rows(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Squared distances from samples `rows` to samples `columns`, (B, M), in float64 from differences."""
        left = self.values.index_select(0, rows).double()
        order = 2.0 if self.norm == "euclidean" else torch.inf
        parts = [
            torch.cdist(
                left, self.values.index_select(0, part).double(), order, "donot_use_mm_for_euclid_dist"
            ).square_()
            for part in columns.split(self._step())
        ]
        return torch.cat(parts, 1)

    def _step(self) -> int:
        """Rows worked on at once."""
        return max(CHUNK // self.width, 1)


def scale_of(variables: Sequence[Points]) -> float:
    """A power of two that brings the data to about one, so that float32 neither over- nor underflows."""
    largest = max(points.farthest() for points in variables)
    return 2.0 ** -round(float(torch.tensor(largest).log2())) if largest else 1.0


class Differences:
    """Squared distances in float64 from differences, of any norm; their error needs no bound."""

    dtype = torch.float64

    def __init__(self, points: Points, samples: Tensor, scale: float) -> None:
        self.points, self.samples, self.scale = points, samples, scale

    def left(self, rows: Tensor | slice) -> Tensor:
        """The samples in `rows` in the form that `multiply` takes."""
        return self.samples[rows]

    def multiply(self, left: Tensor, columns: slice, out: Tensor) -> None:
        """Writes the squared distances of `left` from the samples in `columns`, times scale², to `out`."""
        out.copy_(self.points.squared_rows(left, self.samples[columns].clamp(min=0)))
        out.mul_(self.scale**2)
        out.masked_fill_(self.samples[columns] < 0, PADDING)

    def slack(self, rows: Tensor | slice, squared: Tensor) -> Tensor:
        """The largest error near the squared distance `squared`: none."""
        return torch.zeros_like(squared)


class Products:
    """Squared Euclidean distances as a matrix product in float32: |a|² + |b|² − 2ab about a given centre.

    With unit roundoff u, a product of length d + 2 is off by at most (d + 2)u Σ|terms| in whatever order it is summed
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §3.1). The terms add up to (|a| + |b|)² at most;
    rounded coordinates and norms add 3u(|a| + |b|)². A point b farther out than 3(|a| + r) is at least 2|b|/3 away from
    a and cannot be taken for one within r, so no larger |b| enters the bound.
    """

    dtype = torch.float32

    @staticmethod
    def bound(width: int) -> float:
        """The error of |a|² + |b|² − 2ab over (|a| + |b|)², in `width` dimensions."""
        return (width + 8) * ROUNDING

    def __init__(self, points: Points, samples: Tensor, scale: float, centre: Tensor) -> None:
        self.right = torch.empty(len(samples), points.width + 2, device=samples.device)
        step = max(CHUNK // points.width, 1)
        for part, into in zip(samples.split(step), self.right.split(step)):
            gaps = points.values.index_select(0, part.clamp(min=0)).double().sub_(centre).mul_(scale)
            into[:, :-2] = gaps
            into[:, -2] = gaps.square_().sum(1)
        self.right[samples < 0, :-1] = 0.0
        self.norms = self.right[:, -2].double().sqrt_()
        self.farthest = self.norms.max()
        self.right[samples < 0, -2] = PADDING
        self.right[:, -1] = 1.0

    def left(self, rows: Tensor | slice) -> Tensor:
        """The samples in `rows` in the form that `multiply` takes."""
        right = self.right[rows]
        return torch.cat([right[:, :-2] * -2.0, right[:, -1:], right[:, -2:-1]], 1)

    def multiply(self, left: Tensor, columns: slice, out: Tensor) -> None:
        """Writes the squared distances of `left` from the samples in `columns`, times scale², to `out`."""
        with full_float32():
            torch.mm(left, self.right[columns].T, out=out)

    def slack(self, rows: Tensor | slice, squared: Tensor) -> Tensor:
        """The largest error of `rows` near the squared distance `squared` (…, B), times scale²."""
        norm = self.norms[rows]
        reach = torch.minimum(self.farthest, 3 * (norm + squared.sqrt()))
        return self.bound(self.right.shape[1] - 2) * (norm + reach).square_() + 1e-30
