"""Maxwell relations: second derivatives of one potential do not depend on their order.

At the minimum of J(γ, δ, σ), dJ = C dγ + D dδ + S dσ. R(C, D, S) and the potentials between are its Legendre
transforms.

The paper's (30) is (∂S/∂C)_σ = (∂γ/∂σ)_C, from F = R − σ S with dF = −γ dC − δ dD − S dσ. This contradicts
σ = −∂R/∂S (25): the potential of C, D and σ is then R + σ S, with dF = −γ dC − δ dD + S dσ, and
(∂S/∂C)_σ = −(∂γ/∂σ)_C. This relation is measured here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.dependence import dependent
from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.held_fixed import derivatives_holding
from ib_cli.report.laws.relation import Relation

LAW = "Maxwell relation"
SINGULAR = 1e8  # condition of a matrix of derivatives that has no inverse, as far as they can tell


def maxwell(grid: Grid) -> tuple[list[Relation], list[str]]:
    """The relations of each pair of axes, and remarks on relations that could not be measured."""
    relations, remarks = [], []
    for pair in combinations(grid.axes, 2):
        relations += [_direct(grid, *pair), *_mixed(grid, *pair)]
        without = dependent(grid, *(grid.conjugates[name] for name in pair), *pair)
        relations.append(_natural(grid, *pair, without))
        if without.any():
            x, y = (grid.lagrangian.letter(name) for name in pair)
            where = "" if without.all() else f"at {int(without.sum())} of {int((grid.points >= 0).sum())} points "
            remarks.append(
                f"{grid.curve}: {where}{x} and {y} are functions of each other, so neither can change while the other "
                f"is held, and {_natural_text(grid, *pair)} has no meaning"
            )
    if len(grid.axes) == 3:
        relations += _holding_all_others(grid)
    return relations, remarks


def _holding_all_others(grid: Grid) -> Iterator[Relation]:
    """(∂δ/∂C)_DS = (∂γ/∂D)_CS and its sisters (TherML eq. 27), as R(C, D, S) has it: not σ but S is held.

    The matrix ∂(γ, δ, σ)/∂(C, D, S) is the inverse of ∂(C, D, S)/∂(γ, δ, σ). NaN where that is singular, as where D is
    a function of R.
    """
    axes = grid.axes
    rows = [[grid.derivative(grid.conjugates[of], by) * grid.slopes[by] for by in axes] for of in axes]
    matrix = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    known = np.asarray(np.isfinite(matrix).all((-2, -1)))
    matrix = np.where(known[..., None, None], matrix, np.eye(len(axes)))
    known &= np.linalg.cond(matrix) < SINGULAR
    inverse = np.linalg.inv(np.where(known[..., None, None], matrix, np.eye(len(axes))))
    inverse = np.where(known[..., None, None], inverse, np.nan)
    letters = [grid.lagrangian.letter(name) for name in axes]
    for i, j in combinations(range(len(axes)), 2):
        (k,) = {0, 1, 2} - {i, j}
        sides = (_d(GREEK[axes[j]], letters[i]), letters[j]), (_d(GREEK[axes[i]], letters[j]), letters[i])
        statement = " = ".join(f"({derivative})_{held},{letters[k]}" for derivative, held in sides)
        yield Relation(LAW, statement, grid, axes[i], inverse[..., i, j], inverse[..., j, i])


def _direct(grid: Grid, m: str, n: str) -> Relation:
    """(∂C/∂δ)_γ = (∂D/∂γ)_δ, from J itself."""
    X, Y = grid.conjugates[m], grid.conjugates[n]
    a, b = grid.lagrangian.letter(m), grid.lagrangian.letter(n)
    measured, predicted = grid.derivative(X, n) * grid.slopes[n], grid.derivative(Y, m) * grid.slopes[m]
    return Relation(
        LAW, f"({_d(a, GREEK[n])})_{GREEK[m]} = ({_d(b, GREEK[m])})_{GREEK[n]}", grid, m, predicted, measured
    )


def _mixed(grid: Grid, first: str, second: str) -> Iterator[Relation]:
    """(∂D/∂C)_δ = −(∂γ/∂δ)_C (TherML eq. 30), and the same with both multipliers exchanged."""
    for m, n in ((first, second), (second, first)):
        X, Y = grid.conjugates[m], grid.conjugates[n]
        a, b = grid.lagrangian.letter(m), grid.lagrangian.letter(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = _finite(grid.derivative(Y, m) / grid.derivative(X, m))
        held = derivatives_holding(grid, X, by=m, along=n, wanted={})[m]
        predicted = -held / grid.slopes[m] * grid.slopes[n]
        statement = f"({_d(b, a)})_{GREEK[n]} = −({_d(GREEK[m], GREEK[n])})_{a}"
        yield Relation(LAW, statement, grid, m, predicted, np.where(np.isfinite(predicted), measured, np.nan))


def _natural(grid: Grid, m: str, n: str, without: np.ndarray) -> Relation:
    """(∂δ/∂C)_D = (∂γ/∂D)_C (TherML eq. 27), from R itself; NaN in the cells where it is `without` meaning."""
    X, Y = grid.conjugates[m], grid.conjugates[n]
    of_y = derivatives_holding(grid, Y, by=n, along=m, wanted={"X": X})
    of_x = derivatives_holding(grid, X, by=m, along=n, wanted={"Y": Y})
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = _finite(of_y[n] / grid.slopes[n] / of_y["X"])
        predicted = _finite(of_x[m] / grid.slopes[m] / of_x["Y"])
    known = np.isfinite(measured[0, 0]) & np.isfinite(predicted[0, 0])
    measured, predicted = (np.where(known & ~without, side, np.nan) for side in (measured, predicted))
    return Relation(LAW, _natural_text(grid, m, n), grid, m, predicted, measured)


def _natural_text(grid: Grid, m: str, n: str) -> str:
    a, b = grid.lagrangian.letter(m), grid.lagrangian.letter(n)
    return f"({_d(GREEK[n], a)})_{b} = ({_d(GREEK[m], b)})_{a}"


def _d(above: str, below: str) -> str:
    return "/".join(f"∂({name})" if "/" in name else f"∂{name}" for name in (above, below))


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
