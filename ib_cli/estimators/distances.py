"""Squared distances of one variable: exact ones between pairs, and whole blocks of rows with a bound on their error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

ROUNDING = 2.0**-24  # of float32
PADDING = 1e30  # squared distance to a column that stands for no sample
CHUNK = 2_000_000  # numbers of float64 that are made at once


@contextmanager
def full_float32() -> Iterator[None]:
    """Products of float32 matrices without TF32 or bfloat16 inside; the caller's setting comes back."""
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

    def squared(self, i: Tensor, j: Tensor) -> Tensor:
        """Squared distances between samples `i` (B,) and `j` (B, m), in float64 from differences."""
        parts = []
        step = max(CHUNK // (self.width * max(j.shape[1], 1)), 1)
        for a, b in zip(i.split(step), j.split(step)):
            gaps = self.values[a].double()[:, None] - self.values[b]
            parts.append(gaps.square_().sum(-1) if self.norm == "euclidean" else gaps.abs_().amax(-1).square_())
        return torch.cat(parts)

    def squared_rows(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Squared distances from samples `rows` to samples `columns`, (B, M), in float64 from differences."""
        left = self.values[rows].double()
        order = 2.0 if self.norm == "euclidean" else torch.inf
        parts = [
            torch.cdist(left, self.values[part].double(), order, "donot_use_mm_for_euclid_dist").square_()
            for part in columns.split(self._step())
        ]
        return torch.cat(parts, 1)

    def _step(self) -> int:
        return max(CHUNK // self.width, 1)


class Differences:
    """Rows of squared distances in float64, without error worth a bound; any norm."""

    dtype = torch.float64

    def __init__(self, points: Points, samples: Tensor, scale: float) -> None:
        self.points, self.samples, self.scale = points, samples, scale
        self.padding = (samples < 0).nonzero()[:, 0]

    def fill(self, columns: Tensor, out: Tensor) -> None:
        """Squared distances from the samples in `columns` to those in every column, times scale²."""
        out.copy_(self.points.squared_rows(self.samples[columns], self.samples.clamp(min=0)))
        out.mul_(self.scale**2)
        out[:, self.padding] = PADDING

    def slack(self, columns: Tensor, squared: Tensor) -> Tensor:
        """The largest error near the distance `squared`: none."""
        return torch.zeros_like(squared)


class Products:
    """Rows of squared Euclidean distances as a matrix product in float32: |a|² + |b|² − 2ab about a given centre.

    With unit roundoff u, a product of length d + 2 is off by at most (d + 2)u Σ|terms| in whatever order it is summed
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §3.1), the terms add up to (|a| + |b|)² at most, and
    rounded coordinates and norms add 3u(|a| + |b|)². A point b farther out than 3(|a| + r) is at least 2|b|/3 away from
    a and cannot be taken for one within r, so that |b| need not be counted beyond that radius.
    """

    dtype = torch.float32

    def __init__(self, points: Points, samples: Tensor, scale: float, centre: Tensor) -> None:
        self.bound = (points.width + 8) * ROUNDING
        self.right = torch.empty(len(samples), points.width + 2, device=samples.device)
        step = max(CHUNK // points.width, 1)
        for part, into in zip(samples.split(step), self.right.split(step)):
            into[:, :-2] = (points.values[part.clamp(min=0)].double() - centre) * scale
            into[:, -2] = into[:, :-2].double().square_().sum(1)
            into[part < 0, :-2] = 0.0
        self.norms = self.right[:, -2].double().sqrt_() * (samples >= 0)
        self.farthest = self.norms.max()
        self.right[samples < 0, -2] = PADDING
        self.right[:, -1] = 1.0

    def fill(self, columns: Tensor, out: Tensor) -> None:
        """Squared distances from the samples in `columns` to those in every column, times scale²."""
        right = self.right[columns]
        left = torch.cat([right[:, :-2] * -2.0, right[:, -1:], right[:, -2:-1]], 1)
        with full_float32():
            torch.mm(left, self.right.T, out=out)

    def slack(self, columns: Tensor, squared: Tensor) -> Tensor:
        """The largest error of the rows of `columns` near the distance `squared` (B,), times scale²."""
        norm = self.norms[columns]
        reach = torch.minimum(self.farthest, 3 * (norm + squared.sqrt()))
        return self.bound * (norm + reach).square_() + 1e-30
