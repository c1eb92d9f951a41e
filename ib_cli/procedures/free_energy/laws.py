"""The laws of the equilibrium surface as numbers: slopes by name, and by how much the laws fail."""

from __future__ import annotations

import math

from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Quantity, Slopes


def named(slopes: Slopes) -> dict[str, float]:
    """`dC/dlambda`, `dC/dlambda_stderr` and so on, and the residuals that they give (`residuals`).

    `dR/dt` is at constant D and C, the envelope (A Free-Energy Principle for Representation Learning, eq. 30), not R's
    slope at constant λ and γ.
    """
    of = {f"d{quantity}/d{way}": slope for (quantity, way), slope in slopes.of.items() if (quantity, way) != ("R", "t")}
    if slopes.envelope is not None:
        of["dR/dt"] = slopes.envelope
    found = {name: slope.value for name, slope in of.items()}
    return found | {f"{name}_stderr": slope.stderr for name, slope in of.items()} | residuals(slopes)


def residuals(slopes: Slopes) -> dict[str, float]:
    """Of D = ∂F/∂λ and C = ∂F/∂γ with a concave F; empty without slopes along λ and γ.

    `maxwell`: ∂C/∂λ − ∂D/∂γ, which is 0, with its standard error as if both were independent. `hessian_largest`: the
    larger eigenvalue of Hess F, which is below 0 (Lemma 3); its mixed entry is the mean of the two.
    """
    keys: tuple[tuple[Quantity, Direction], ...] = ("D", "lambda"), ("D", "gamma"), ("C", "lambda"), ("C", "gamma")
    if any(key not in slopes.of for key in keys):
        return {}
    first, below, above, last = (slopes.of[key] for key in keys)
    mixed = (below.value + above.value) / 2
    middle, half = (first.value + last.value) / 2, (first.value - last.value) / 2
    return {
        "maxwell": above.value - below.value,
        "maxwell_stderr": math.hypot(above.stderr, below.stderr),
        "hessian_largest": middle + math.hypot(half, mixed),
    }


def rate_balance(before: Equilibrium, after: Equilibrium) -> float:
    """(ΔR + λ ΔD)/|ΔR| on the train split, λ of the step's middle: 0 at constant C and t (eq. 29).

    No number where R has not changed.
    """
    old, new = before.measures["train"], after.measures["train"]
    rise = new["R"] - old["R"]
    lambda_ = (before.place.lambda_ + after.place.lambda_) / 2
    return (rise + lambda_ * (new["D"] - old["D"])) / abs(rise) if rise else math.nan
