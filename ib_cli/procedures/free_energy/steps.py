"""Steps in t, from the source at t = 0 to the target at t = 1."""

from __future__ import annotations

from ib_cli.procedures.free_energy.path import Change
from ib_cli.procedures.free_energy.rates import Rates
from ib_cli.procedures.free_energy.surface import Estimated

ROUNDING = 1e-6  # of a step: what is left at the end is not a step of its own


class Steps:
    """Steps of 1/`count`; the last one ends at t = 1, also where steps before it were shortened."""

    def __init__(self, count: int) -> None:
        self.count = count

    def size(self, t: float) -> float:
        """The step from t, 0 at the end."""
        left = 1 - t
        return left if left * self.count < 1 + ROUNDING else 1 / self.count


def change_of(rates: Rates, step: float) -> Change:
    """What rates per unit of t change in a step of t."""
    lambda_, gamma = (Estimated(step * each.value, step * each.stderr) for each in rates)
    return Change(lambda_, gamma, step)
