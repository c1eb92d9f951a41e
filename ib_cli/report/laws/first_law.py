"""The first law along the frontier, and the derivative of J by a multiplier: the functional that it multiplies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ib_cli.contracts.labels import GREEK
from ib_cli.report.laws.grid import Grid
from ib_cli.report.laws.lagrangian import Lagrangian
from ib_cli.report.laws.relation import Relation


def first_law(grid: Grid) -> Iterator[Relation]:
    """ρ dR = −γ dC − δ dD − σ dS along each axis (TherML eq. 26), per e-fold of its multiplier, nats.

    Nothing for an objective of one functional.
    """
    lagrangian, last = grid.lagrangian, grid.lagrangian.last
    if len(lagrangian.functionals) < 2:
        return
    for name in grid.axes:
        measured, predicted = sides(grid, {f: grid.derivative(grid.values[f], name) for f in lagrangian.functionals})
        statement = (
            f"{_weighted(lagrangian, last)} = −{' − '.join(_weighted(lagrangian, f) for f in _others(lagrangian))}"
        )
        yield Relation("first law", f"{statement} along {GREEK[name]}", grid, name, predicted, measured)


def sides(grid: Grid, changes: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of the first law: the last functional's change times its weight; minus the sum of the other terms."""
    lagrangian = grid.lagrangian
    terms = {f: lagrangian.weight(f, grid.at) * change for f, change in changes.items()}
    measured = terms.pop(lagrangian.last)
    return measured, -np.sum(list(terms.values()), axis=0)


def envelope(grid: Grid) -> Iterator[Relation]:
    """∂J/∂γ = C, ∂J/∂δ = D, ∂J/∂σ = S, ∂J/∂ρ = R at the minimum (the envelope theorem; TherML eq. 34), nats."""
    for name in grid.axes:
        measured = grid.derivative(grid.values["J"], name) * grid.slopes[name]
        statement = f"∂J/∂{GREEK[name]} = {_named(grid.lagrangian, name)}"
        predicted = np.where(np.isfinite(measured), grid.conjugates[name], np.nan)
        yield Relation("derivative of J", statement, grid, name, predicted, measured)


def _others(lagrangian: Lagrangian) -> list[str]:
    return [name for name in lagrangian.functionals if name != lagrangian.last]


def _weighted(lagrangian: Lagrangian, functional: str) -> str:
    """`γ dC`."""
    own = [term for term in lagrangian.terms if term.functional == functional]
    factors = [
        "·".join([*([f"{term.coefficient:g}"] if term.coefficient != 1 else []), *(GREEK[n] for n in term.names)])
        for term in own
    ]
    return f"{' + '.join(factors)} d{functional}".strip()


def _named(lagrangian: Lagrangian, name: str) -> str:
    letter = lagrangian.letter(name)
    return "Σ ∂w/∂" + GREEK[name] + " f" if letter.startswith("∂") else letter
