"""Maxwell relations: second derivatives of one potential, taken in either order.

J(γ, δ, σ) has dJ = C dγ + D dδ + S dσ at its minimum; R(C, D, S) and the potentials between are its Legendre
transforms.

(30) stands in the paper as (∂S/∂C)_σ = (∂γ/∂σ)_C, from F = R − σ S with dF = −γ dC − δ dD − S dσ. With σ = −∂R/∂S (25)
that is not so: the potential of C, D and σ is R + σ S, with dF = −γ dC − δ dD + S dσ, and so
(∂S/∂C)_σ = −(∂γ/∂σ)_C. That is the relation measured here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.dependence import dependent
from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.held_fixed import on_level
from ib_cli.report.laws.relation import Relation

LAW = "Maxwell relation"


def maxwell(grid: Grid) -> tuple[list[Relation], list[str]]:
    """The relations of each pair of axes, and what could not be measured."""
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
    return relations, remarks


def _direct(grid: Grid, m: str, n: str) -> Relation:
    """(∂C/∂δ)_γ = (∂D/∂γ)_δ: J's own."""
    X, Y = grid.conjugates[m], grid.conjugates[n]
    a, b = grid.lagrangian.letter(m), grid.lagrangian.letter(n)
    measured, predicted = grid.derivative(X, n) * grid.slopes[n], grid.derivative(Y, m) * grid.slopes[m]
    return Relation(
        LAW, f"({_d(a, GREEK[n])})_{GREEK[m]} = ({_d(b, GREEK[m])})_{GREEK[n]}", grid, m, predicted, measured
    )


def _mixed(grid: Grid, first: str, second: str) -> Iterator[Relation]:
    """(∂D/∂C)_δ = −(∂γ/∂δ)_C (TherML eq. 30), and with the two exchanged."""
    for m, n in ((first, second), (second, first)):
        X, Y = grid.conjugates[m], grid.conjugates[n]
        a, b = grid.lagrangian.letter(m), grid.lagrangian.letter(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = _finite(grid.derivative(Y, m) / grid.derivative(X, m))
        held = on_level(grid, X, by=m, along=n, wanted={})[m]
        predicted = -held / grid.slopes[m] * grid.slopes[n]
        statement = f"({_d(b, a)})_{GREEK[n]} = −({_d(GREEK[m], GREEK[n])})_{a}"
        yield Relation(LAW, statement, grid, m, predicted, np.where(np.isfinite(predicted), measured, np.nan))


def _natural(grid: Grid, m: str, n: str, without: np.ndarray) -> Relation:
    """(∂δ/∂C)_D = (∂γ/∂D)_C: R's own (TherML eq. 27), but where it is `without` meaning."""
    X, Y = grid.conjugates[m], grid.conjugates[n]
    of_y = on_level(grid, Y, by=n, along=m, wanted={"X": X})
    of_x = on_level(grid, X, by=m, along=n, wanted={"Y": Y})
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
