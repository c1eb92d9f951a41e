"""Two quantities that are functions of each other on a grid: neither can change while the other is held."""

from __future__ import annotations

import numpy as np

from ib_cli.report.laws.grid import Grid

ZERO = 0.02  # relative to its two products: a smaller Jacobian is 0, as far as finite differences can tell


def dependent(grid: Grid, X: np.ndarray, Y: np.ndarray, m: str, n: str) -> np.ndarray:
    """True (*shape) where the Jacobian ∂(X, Y)/∂(m, n) of two quantities (1 + seeds, *shape) is 0.

    True everywhere if it is 0 at more than half the known points: only near a transition can the differences not tell.
    """
    (a, b), (c, d) = ([grid.derivative(one[:1], name)[0, 0] for name in (m, n)] for one in (X, Y))
    known = np.isfinite(a * d) & np.isfinite(b * c)
    zero = known & (np.abs(a * d - b * c) <= ZERO * (np.abs(a * d) + np.abs(b * c)))
    return np.ones_like(zero) if zero.sum() > known.sum() / 2 else zero
