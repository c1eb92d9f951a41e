"""Steps in t, from the source at t = 0 to the target at t = 1."""

from __future__ import annotations

from ib_cli.procedures.free_energy.path import Change
from ib_cli.procedures.free_energy.rates import Rates
from ib_cli.procedures.free_energy.surface import Estimated

ROUNDING = 1e-6  # of a step: what is left at the end is not a step of its own


class Steps:
    """Steps to t = (k/count)^pace, k = 1 … count; the last one ends at t = 1, also where others were shortened.

    With a pace above 1 the first steps are small: the target's labels are learned before they are many.
    """

    def __init__(self, count: int, pace: float = 1.0) -> None:
        self.count, self.pace = count, pace

    @staticmethod
    def reached(t: float, place: float) -> bool:
        """Whether a t that is a sum of steps has come to a place."""
        return t > place - ROUNDING**2

    def size(self, t: float) -> float:
        """The step from t, 0 at the end."""
        done = t ** (1 / self.pace)  # of the steps, as a share
        return 1 - t if (1 - done) * self.count < 1 + ROUNDING else (done + 1 / self.count) ** self.pace - t


def change_of(rates: Rates, step: float) -> Change:
    """What rates per unit of t change in a step of t."""
    lambda_, gamma = (Estimated(step * each.value, step * each.stderr) for each in rates)
    return Change(lambda_, gamma, step)
