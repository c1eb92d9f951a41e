"""The free rate of each point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.relation import Relation

LAW = "free rate"


def free_rate(grid: Grid) -> Iterator[Relation]:
    """F = R − σ S (TherML eq. 28), and R + σ S, whose natural variables are C, D and σ (see `maxwell`); nats.

    S is the factor of σ in J. Nothing for an objective without σ or R.
    """
    lagrangian = grid.lagrangian
    if "sigma" not in lagrangian.multipliers or "R" not in lagrangian.functionals:
        return
    S, R = lagrangian.conjugate("sigma", grid.at, grid.values), grid.values["R"]
    along = "sigma" if "sigma" in grid.axes or not grid.axes else grid.axes[0]
    for sign, text in ((-1, "−"), (1, "+")):
        F = R + sign * grid.at["sigma"] * S
        statement = f"R {text} σ {lagrangian.letter('sigma')}"
        yield Relation(LAW, statement, grid, along, np.full_like(F[None], np.nan), F[None])
