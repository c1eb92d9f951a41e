"""A surface in closed form: F is quadratic, and C's level sets are straight lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Estimated, Place, Slopes

P, Q, S = 2.0, -0.5, 0.25  # −Hess F = [[P, Q], [Q, S]], positive definite
A, B = 20.0, 3.0  # D and C at λ = γ = 0


class QuadraticSurface:
    """F = A λ + B γ − ½ (P λ² + 2 Q λγ + S γ²): D = A − Pλ − Qγ, C = B − Qλ − Sγ, R = F − λD − γC, exact slopes.

    `bend` adds to C, beside F, what no slope tells. `errors`: standard errors of all slopes, by the width of the
    difference.
    """

    def __init__(self, place: Place, bend: float = 0.0, errors: Mapping[float, float] | None = None) -> None:
        self.place, self.bend, self.errors = place, bend, errors or {}
        self.moves, self.asked = 0, []

    @property
    def here(self) -> Equilibrium:
        λ, γ, _ = self.place
        D, C = A - P * λ - Q * γ, B - Q * λ - S * γ + self.bend * self.moves
        R = (P * λ**2 + 2 * Q * λ * γ + S * γ**2) / 2
        measures = {"R": R, "D": D, "D_error": D, "C": C, "F": R + λ * D + γ * C, "accuracy": 0.9}
        return Equilibrium(self.place, {"train": measures, "test": dict(measures)}, 0.0, 10 + self.moves, self.moves)

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        self.asked.append(wider)
        here, error = self.here.measures["train"], self.errors.get(wider, 0.0)
        λ, γ, _ = self.place
        of = {
            ("F", "lambda"): here["D"], ("F", "gamma"): here["C"],
            ("D", "lambda"): -P, ("D", "gamma"): -Q, ("C", "lambda"): -Q, ("C", "gamma"): -S,
            ("R", "lambda"): P * λ + Q * γ, ("R", "gamma"): Q * λ + S * γ,
        }  # fmt: skip
        return Slopes({key: Estimated(value, error) for key, value in of.items() if key[1] in directions})

    def move(self, place: Place) -> Equilibrium:
        self.place, self.moves = place, self.moves + 1
        return self.here

    def state(self) -> dict[str, Any]:
        return {"place": list(self.place), "moves": self.moves}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.place, self.moves = Place(*state["place"]), state["moves"]
