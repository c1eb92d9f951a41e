"""Rates (λ̇, γ̇) of the processes on the equilibrium surface, pure functions of slopes.

From A Free-Energy Principle for Representation Learning: iso-classification (31), geodesic transfer (30) and heuristic
transfer (38). A standard error of a rate is of first order in the errors of the slopes, taken as independent.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ib_cli.contracts.errors import RunFailedError
from ib_cli.procedures.free_energy.surface import Estimated, Slopes

SMALLEST = 1e-12  # of a pivot, relative to the products that it is the difference of: below it is rounding


class Rates(NamedTuple):
    """Change of λ and γ per unit of time."""

    lambda_: Estimated
    gamma: Estimated


def iso_classification(slopes: Slopes, alpha: float) -> Rates:
    """λ̇ = −α ∂C/∂γ and γ̇ = α ∂C/∂λ (31), along which C is constant.

    As F is concave, ∂C/∂γ < 0, so that λ rises for α > 0. Needs C's slopes along λ and γ.
    """
    return Rates(_scaled(slopes["C", "gamma"], -alpha), _scaled(slopes["C", "lambda"], alpha))


def geodesic_transfer(slopes: Slopes, lambda_: float, k: float) -> Rates:
    """The rates per unit of t that keep C constant and dD/dR = k while the law of the data changes (30):

        ∂D/∂λ λ̇ + ∂D/∂γ γ̇ = k/(1 + kλ) ∂R/∂t − ∂D/∂t,
        ∂C/∂λ λ̇ + ∂C/∂γ γ̇ = −∂C/∂t.

    ∂R/∂t is at constant D and C: `slopes.envelope`. The other slopes are at constant λ, γ or t. Needs those of C and D
    along all three. Raises RunFailedError where k = −1/λ, the slope that dR/dD has along the surface itself, and where
    the two equations are one; ValueError where the envelope was not asked for.
    """
    if slopes.envelope is None:
        raise ValueError("geodesic_transfer needs the slopes' envelope, ∂R/∂t at constant D and C")
    if abs(1 + k * lambda_) < SMALLEST:
        raise RunFailedError(
            f"dD/dR = {k:g} is −1/λ at λ = {lambda_:g}, the slope of the surface itself, and leaves the rates open: "
            "choose another"
        )
    moved, of_d = _scaled(slopes.envelope, k / (1 + k * lambda_)), slopes["D", "t"]
    right = Estimated(moved.value - of_d.value, math.hypot(moved.stderr, of_d.stderr))
    rows = (slopes["D", "lambda"], slopes["D", "gamma"]), (slopes["C", "lambda"], slopes["C", "gamma"])
    return _solved(rows, (right, _scaled(slopes["C", "t"], -1)))


def heuristic_transfer(slopes: Slopes, lambda_rate: float) -> Rates:
    """λ̇ as given, and the γ̇ that keeps C constant: ∂C/∂λ λ̇ + ∂C/∂γ γ̇ + ∂C/∂t = 0 (38).

    Needs C's slopes along all three. Raises RunFailedError where ∂C/∂γ = 0.
    """
    along_lambda, along_gamma, along_t = (slopes["C", way] for way in ("lambda", "gamma", "t"))
    if along_gamma.value == 0:
        raise RunFailedError(
            "∂C/∂γ = 0: no change of γ keeps C constant: begin with a larger gamma, or with more values of z"
        )
    rate = -(along_t.value + along_lambda.value * lambda_rate) / along_gamma.value
    error = math.hypot(along_t.stderr, along_lambda.stderr * lambda_rate, along_gamma.stderr * rate)
    return Rates(Estimated(lambda_rate), Estimated(rate, error / abs(along_gamma.value)))


def _scaled(slope: Estimated, factor: float) -> Estimated:
    return Estimated(factor * slope.value, abs(factor) * slope.stderr)


def _solved(rows: tuple[tuple[Estimated, Estimated], ...], right: tuple[Estimated, Estimated]) -> Rates:
    """x of M x = b, with errors: dx = M⁻¹ (db − dM x)."""
    (a, b), (c, d) = ((first.value, second.value) for first, second in rows)
    e, f = (each.value for each in right)
    pivot = a * d - b * c
    if abs(pivot) <= SMALLEST * max(abs(a * d), abs(b * c)):
        raise RunFailedError("the slopes of D and C are parallel: no change of λ and γ moves D and keeps C")
    x = (e * d - b * f) / pivot, (a * f - e * c) / pivot
    residuals = [math.hypot(side.stderr, row[0].stderr * x[0], row[1].stderr * x[1]) for row, side in zip(rows, right)]
    inverse = ((d / pivot, -b / pivot), (-c / pivot, a / pivot))
    errors = [math.hypot(*(weight * error for weight, error in zip(row, residuals))) for row in inverse]
    return Rates(Estimated(x[0], errors[0]), Estimated(x[1], errors[1]))
