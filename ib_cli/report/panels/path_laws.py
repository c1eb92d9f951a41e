"""What the laws of the equilibrium surface leave over along paths, with standard errors.

With D = ∂F/∂λ and C = ∂F/∂γ (A Free-Energy Principle, Remark 4): ∂C/∂λ − ∂D/∂γ = 0 (Maxwell), dR + λ dD = 0 at
constant C, and Hess F has no positive eigenvalue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ib_cli.contracts.labels import has_units
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.paths import TRAIN, ShownPath
from ib_cli.report.read.paths import RecordedPath


class Law(NamedTuple):
    """A measure; its formula in mathtext and in letters; what the law says of it."""

    measure: str
    text: str
    plain: str
    says: str


BALANCE = "rate_balance"
LAWS = (
    Law("maxwell", r"$\partial C/\partial\lambda-\partial D/\partial\gamma$", "∂C/∂λ − ∂D/∂γ", "Maxwell's relation: 0"),
    Law(BALANCE, r"$(\Delta R+\lambda\,\Delta D)/|\Delta R|$", "(ΔR + λ ΔD)/|ΔR|", "Balance of rate and distortion: 0"),
    Law("hessian_largest", "larger eigenvalue", "larger eigenvalue", "Hess F: below 0"),
)


def law_label(law: Law, formula: str, units: str) -> str:
    """The axis of a law: its formula, and the units where it has them."""
    return f"{formula} ({units})" if has_units(law.measure) else formula


class Residuals(NamedTuple):
    """A law along a path: steps, values and standard errors (n,); an error is NaN where none is known."""

    path: ShownPath
    steps: np.ndarray
    values: np.ndarray
    errors: np.ndarray


def residuals(contents: Contents, paths: Sequence[ShownPath], law: Law) -> list[Residuals]:
    """A law along each path on the train split, which alone the laws are about, in the units. Without missing ones.

    Of paths that move λ or γ, as others are on no surface; the balance of rate also needs a constant law of the data.
    """
    found = []
    for shown in paths:
        path = shown.by_split.get(TRAIN)
        if path is None or not shown.moves or (law.measure == BALANCE and np.ptp(np.nan_to_num(path["t"])) > 0):
            continue
        if not (known := np.isfinite(path[law.measure])).any():
            continue
        k = contents.scale(law.measure)
        errors = _errors(path, law.measure)
        found.append(Residuals(shown, path.steps[known], path[law.measure][known] * k, errors[known] * k))
    return found


def far_out(law: Law, rows: Sequence[Residuals]) -> bool:
    """True for a balance of rate with values beyond ±1: those of steps that hardly changed R, by which it divides."""
    return law.measure == BALANCE and any(np.abs(found.values).max() > 1 for found in rows)


def _errors(path: RecordedPath, measure: str) -> np.ndarray:
    """Recorded standard errors; without any, those of the Hessian's eigenvalue follow from the slopes'."""
    recorded = path[f"{measure}_stderr"]
    if measure == "hessian_largest" and not np.isfinite(recorded).any():
        return hessian_errors(path)
    return recorded


def hessian_errors(path: RecordedPath) -> np.ndarray:
    """Standard error of the larger eigenvalue of Hess F = [[∂D/∂λ, m], [m, ∂C/∂γ]], m the mean of ∂D/∂γ and ∂C/∂λ.

    An eigenvalue changes by vᵀ dH v along its unit eigenvector v. The slopes' errors are taken as independent.
    """
    slopes = {
        name: (path[f"d{name[0]}/d{name[1:]}"], path[f"d{name[0]}/d{name[1:]}_stderr"])
        for name in ("Dlambda", "Dgamma", "Clambda", "Cgamma")
    }
    first, last = slopes["Dlambda"], slopes["Cgamma"]
    mixed = (slopes["Dgamma"][0] + slopes["Clambda"][0]) / 2
    mixed_error = np.hypot(slopes["Dgamma"][1], slopes["Clambda"][1]) / 2
    angle = np.arctan2(2 * mixed, first[0] - last[0]) / 2  # of v to the axis of λ
    x, y = np.cos(angle), np.sin(angle)
    return np.sqrt((x**2 * first[1]) ** 2 + (y**2 * last[1]) ** 2 + (2 * x * y * mixed_error) ** 2)
