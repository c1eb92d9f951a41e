"""Susceptibilities: derivatives of the rate by the multipliers, and their peaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.dependence import dependent
from ib_cli.report.laws.first_law import sides
from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.held_fixed import derivatives_holding
from ib_cli.report.laws.relation import Relation

LAW = "susceptibility"
FEWEST = 3  # points of a line with a peak
PROMINENT = 0.1  # least prominence of a peak, relative to the largest value on its line


def susceptibilities(grid: Grid) -> tuple[list[Relation], list[str]]:
    """K_D = (∂R/∂σ)_D (TherML eq. 31) and its sisters, and remarks on those that could not be measured.

    Derivatives of R by each multiplier, with the other multipliers or their conjugates fixed. The prediction is the
    first law's, from the changes of the other functionals. A peak is a maximum of |∂R/∂ln σ| on a line of fixed other
    multipliers, whose prominence is at least a tenth of the line's largest value and two seed errors: the sign of a
    transition, where a finite difference is never sure. The first functional stands for R in an objective without R.
    """
    lagrangian, last = grid.lagrangian, grid.lagrangian.last
    found, remarks = [], []
    if len(lagrangian.functionals) < 2:
        return found, remarks
    values = {f: grid.values[f] for f in lagrangian.functionals}
    for name in grid.axes:
        others = [other for other in grid.axes if other != name]
        changes = {f: grid.derivative(values[f], name) for f in values}
        found.append(_relation(grid, name, changes, "".join(GREEK[other] for other in others)))
        for other in others:
            held, letter = grid.conjugates[other], lagrangian.letter(other)
            if letter == last:
                continue
            without = dependent(grid, values[last], held, name, other)
            if without.all():
                text = f"{last} is a function of {letter} alone, so (∂{last}/∂{GREEK[name]})_{letter} is 0"
                remarks.append(f"{grid.curve}: {text}")
                continue
            changes = derivatives_holding(grid, held, by=other, along=name, wanted=values)
            changes = {f: np.where(without, np.nan, changes[f]) for f in values}
            found.append(_relation(grid, name, changes, letter))
    return found, remarks


def _relation(grid: Grid, name: str, changes: dict[str, np.ndarray], held: str) -> Relation:
    last = grid.lagrangian.last
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = sides(grid, changes)[1] / grid.lagrangian.weight(last, grid.at) * grid.slopes[name]
    measured = changes[last] * grid.slopes[name]
    predicted = np.where(np.isfinite(predicted), predicted, np.nan)
    statement = f"(∂{last}/∂{GREEK[name]})" + (f"_{held}" if held else "")
    found = Relation(LAW, statement, grid, name, predicted, measured)
    return replace(found, peaks=_peaks(found))


def _peaks(relation: Relation) -> np.ndarray:
    """True (*shape) at peaks of |∂R/∂u| along the relation's axis."""
    from scipy.signal import find_peaks

    found = np.zeros(relation.value.shape, dtype=bool)
    slopes = relation.grid.slopes[relation.along]
    heights, errors = np.abs(relation.value) / slopes, np.nan_to_num(relation.seed_error) / slopes
    for _, cells in relation.lines():
        known = np.flatnonzero(np.isfinite(heights[cells]))
        line, error = heights[cells][known], errors[cells][known]
        if len(line) >= FEWEST:
            places, shape = find_peaks(line, prominence=PROMINENT * line.max())
            marks = np.zeros(len(heights[cells]), dtype=bool)
            marks[known[places[shape["prominences"] > 2 * error[places]]]] = True
            found[cells] = marks
    return found
