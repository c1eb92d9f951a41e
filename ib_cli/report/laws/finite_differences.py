"""Derivatives along a grid line of uneven steps, with error estimates.

The main derivative is taken from the polynomial through up to five neighbours (the weights of Fornberg 1988, here from
Vandermonde's system instead of his recurrence), in ln of the multiplier if all its values are positive. Three more are
taken from three points each: central, left and right. On even steps, the main and the central derivative differ by a
third of the difference between central differences of steps h and 2h: the error of the lower order, and so a cautious
error of the higher order. The left and right derivatives of a smooth line agree to the third order of the step. At a
transition, where the line has a kink, half their difference says how little a derivative means.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

NEIGHBOURHOOD = 5  # points: the nearest available ones on both sides

REACH = NEIGHBOURHOOD - 2  # points on one side, if the other side has only one


class FiniteDifferences:
    """Finite differences along the values of one multiplier, in ascending order."""

    def __init__(self, ticks: np.ndarray) -> None:
        """`ticks` (n,): the multiplier's values."""
        self.logarithmic = bool((ticks > 0).all())
        self.u = np.log(ticks) if self.logarithmic else np.asarray(ticks, dtype=float)
        self.slope = 1 / ticks if self.logarithmic else np.ones(len(ticks))  # du/d multiplier
        self._weights: dict[tuple[int, ...], np.ndarray] = {}

    def at(self, values: np.ndarray, i: int) -> tuple[float, ...]:
        """Four derivatives d values/du at point i of a line (n,): by up to five points; by three central, left, right.

        All are NaN without a neighbour on each side, the last two also without two on each side. A NaN in the line ends
        the neighbourhood. In a neighbourhood of three points, the second derivative is the secant to the right.
        """
        left, right = self._reach(values, i, -1), self._reach(values, i, 1)
        if left == i or right == i or not np.isfinite(values[i]):
            return (np.nan,) * 4
        half = NEIGHBOURHOOD // 2
        left, right = max(left, min(i - half, right - 2 * half)), min(right, max(i + half, left + 2 * half))
        fine = self._applied(values, i, range(left, right + 1))
        middle = self._applied(values, i, (i - 1, i, i + 1) if right - left > 2 else (i, i + 1))
        if left > i - 2 or right < i + 2:
            return fine, middle, np.nan, np.nan
        return fine, middle, *(self._applied(values, i, (i, i + step, i + 2 * step)) for step in (-1, 1))

    def along(self, values: np.ndarray, axis: int) -> np.ndarray:
        """d values/du along an axis: (4, *values.shape), see `at`."""
        lines = np.moveaxis(values, axis, -1)
        found = np.einsum("kij,...j->k...i", self._whole, np.nan_to_num(lines))
        whole = np.isfinite(lines).all(-1)
        for index in (index for index in np.ndindex(whole.shape) if not whole[index]):
            found[(slice(None), *index)] = np.transpose([self.at(lines[index], i) for i in range(lines.shape[-1])])
        return np.moveaxis(found, -1, axis if axis < 0 else axis + 1)

    @cached_property
    def _whole(self) -> np.ndarray:
        """The weights (4, n, n) of the derivatives at each point of a line without gaps."""
        units = np.eye(len(self.u))
        return np.array([[self.at(unit, i) for unit in units] for i in range(len(self.u))]).transpose(2, 0, 1)

    def _reach(self, values: np.ndarray, i: int, step: int) -> int:
        end = i
        while abs(end - i) < REACH and 0 <= end + step < len(values) and np.isfinite(values[end + step]):
            end += step
        return end

    def _applied(self, values: np.ndarray, i: int, points: Sequence[int]) -> float:
        """The first derivative at point i by these points."""
        key = (i, *points)
        if key not in self._weights:
            t = self.u[list(points)] - self.u[i]
            width = np.abs(t).max()
            powers = np.vander(t / width, increasing=True).T
            self._weights[key] = np.linalg.solve(powers, np.eye(len(t))[1]) / width
        return float(self._weights[key] @ values[list(points)])
