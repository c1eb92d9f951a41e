"""The equilibrium surface of tables, solved exactly: the ground truth of procedures on trained surfaces."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from ib_cli.contracts.errors import RunFailedError
from ib_cli.datasets.data import Data
from ib_cli.exact.gibbs import Law, Parameters, costs, encoder, free_energy
from ib_cli.exact.gibbs_equilibrium import Equilibrium as Solved
from ib_cli.exact.gibbs_equilibrium import equilibrium, random_start
from ib_cli.procedures.free_energy.exact_laws import laws_of, measures_of, sides_of
from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Estimated, Place, Quantity, Slopes
from ib_cli.system.signals import Interrupted

RESTARTS = 8  # random starts at the first place, of which the best counts
ROUNDING = 1e-9  # of F, relative
THERE = 1e-8  # largest norm of a gradient that counts as 0: rounding may keep it above the solver's 1e-10
QUANTITIES: tuple[Quantity, ...] = ("R", "D", "C", "F")
DOMAINS = {"source": 0.0, "target": 1.0}
BENT = 0.2  # of the curvature's part of a change of F, that a smooth branch does not leave unexplained

log = logging.getLogger(__name__)


class ExactSurface:
    """Equilibria of a categorical z with its Gibbs encoder and a decoder of fixed variance (`exact.gibbs`).

    Each place is solved from the θ of the one before, so that a path stays on one branch of the surface. Slopes are
    central differences between equilibria solved from the present θ, one-sided and of second order at t = 0 and 1; they
    have no noise. The envelope is ∂J/∂t at the present θ. Measures of all splits are with the train split's θ. The
    encoder knows labels of x in the train split; for other x it has no factor of c(y|z).
    """

    def __init__(
        self,
        data_at: Callable[[float], Data],
        place: Place,
        *,
        states: int,
        scale: float,
        difference: float,
        seed: int,
        transfer: bool = False,
        stop: Callable[[], int | None] = lambda: None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Solves the first place, or goes to the place of a `state`. `data_at`: t → the data under p(x, t).

        `states`: values of z. `scale`: of the decoder's Gaussian. `difference`: of λ and γ relative, of t absolute.
        `transfer`: whether the law changes, so that source and target are measured too. `stop`: the signal that asks to
        stop, or None. Raises RunFailedError where the solver does not come to an equilibrium.
        """
        self._data_at, self._scale, self._difference, self._transfer = data_at, scale, difference, transfer
        self._stop = stop
        self._laws: dict[float, dict[str, Law]] = {}
        self._here: Equilibrium | None = None
        self._steps = 0
        if state is not None:
            self.restore(state)
            return
        train = self._laws_at(place.t)["train"]
        self._theta = random_start(train, states, place.lambda_, place.gamma, restarts=RESTARTS, seed=seed)
        self.move(place)

    @property
    def here(self) -> Equilibrium:
        """The present place."""
        assert self._here is not None  # `__init__` has moved there
        return self._here

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        """The slopes of R, D, C and F along some directions, with the envelope if t is one. `wider`: see `Surface`.

        Raises Interrupted at a signal, RunFailedError where the solver does not come to an equilibrium.
        """
        if (signal := self._stop()) is not None:
            raise Interrupted(signal)
        found: dict[tuple[Quantity, Direction], Estimated] = {}
        for direction in directions:
            ends = [(weight, self._solved(place)) for weight, place in self._sides(direction, wider)]
            for quantity in QUANTITIES:
                found[quantity, direction] = Estimated(sum(weight * getattr(of, quantity) for weight, of in ends))
        if "t" not in directions:
            return Slopes(found)
        theta, (lambda_, gamma, _) = self._theta, self.here.place
        along = [
            weight * float(free_energy(self._laws_at(place.t)["train"], theta, lambda_, gamma))
            for weight, place in self._sides("t", wider)
        ]
        return Slopes(found, Estimated(sum(along)))

    def move(self, place: Place) -> Equilibrium:
        """Solve another place from the present θ, and measure there."""
        solved, before = self._solved(place), self._here
        self._theta, self._steps = solved.theta, self._steps + solved.iterations
        self._here = Equilibrium(place, self._measures(place), solved.gradient_norm, epochs=0, steps=self._steps)
        if before is not None and leaves_the_branch(before, self._here):
            log.warning(
                "λ = %g, γ = %g, t = %g: F has left its branch, as where values of z part or join: R, D and C may jump",
                *place,
            )
        return self.here

    def state(self) -> dict[str, Any]:
        """θ and the place."""
        return {
            "theta": tuple(self._theta),
            "place": tuple(self.here.place),
            "gradient_norm": self.here.gradient_norm,
            "steps": self._steps,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to the place of such a state."""
        self._theta, self._steps = Parameters(*(part.cpu() for part in state["theta"])), state["steps"]
        place = Place(*state["place"])
        self._here = Equilibrium(place, self._measures(place), state["gradient_norm"], epochs=0, steps=self._steps)

    def _solved(self, place: Place) -> Solved:
        """The equilibrium at a place, from the present θ."""
        solved = equilibrium(self._laws_at(place.t)["train"], place.lambda_, place.gamma, self._theta)
        if not solved.gradient_norm <= THERE:
            raise RunFailedError(
                f"no equilibrium at λ = {place.lambda_:g}, γ = {place.gamma:g}, t = {place.t:g}: the gradient stays at "
                f"{solved.gradient_norm:.2g}, as where two values of z are about to part: choose another "
                "bottleneck.size, λ or γ"
            )
        return solved

    def _sides(self, direction: Direction, wider: float) -> list[tuple[float, Place]]:
        """Places around the present one, with their weights in the difference along a direction."""
        here = self.here.place
        if direction == "lambda":
            h = min(self._difference * wider, 0.5) * here.lambda_
            return [(sign / (2 * h), here._replace(lambda_=here.lambda_ + sign * h)) for sign in (1, -1)]
        if direction == "gamma":
            h = min(self._difference * wider, 0.5) * here.gamma
            return [(sign / (2 * h), here._replace(gamma=here.gamma + sign * h)) for sign in (1, -1)]
        return [(weight, here._replace(t=t)) for weight, t in sides_of(here.t, self._difference * wider)]

    def _laws_at(self, t: float) -> dict[str, Law]:
        if t not in self._laws:
            if len(self._laws) >= 8:  # those of a step and of its ends
                self._laws.pop(next(each for each in self._laws if each not in DOMAINS.values()))
            self._laws[t] = laws_of(self._data_at(t), self._scale)
        return self._laws[t]

    def _measures(self, place: Place) -> dict[str, dict[str, float]]:
        """Split → measures under the law at t; of a transfer also under the source's and the target's."""
        found = self._under(place, place.t)
        for domain, t in DOMAINS.items() if self._transfer else ():
            for split, measures in self._under(place, t).items():
                names = ("R", "D", "D_error", "C", "accuracy")
                found[split] |= {f"{name}_{domain}": measures[name] for name in names}
        return found

    def _under(self, place: Place, t: float) -> dict[str, dict[str, float]]:
        """Split → measures under the law at t of the model at a place."""
        laws, (lambda_, gamma, _) = self._laws_at(t), place
        n = laws["train"].x.shape[1]
        constant = 0.5 * n * math.log(2 * math.pi * self._scale**2)
        e, c = encoder(laws["train"], self._theta, lambda_, gamma), self._theta.c.softmax(1)
        return {split: measures_of(law, costs(law, self._theta), c, e, place, constant) for split, law in laws.items()}


def leaves_the_branch(before: Equilibrium, after: Equilibrium) -> bool:
    """Whether F changed by more than its slopes D and C at both ends explain, at constant t (the trapezoid rule).

    On a smooth branch the rest is of third order in the step, and the slopes' own change of second order.
    """
    if before.place.t != after.place.t:
        return False
    old, new = before.measures["train"], after.measures["train"]
    changes = [after.place.lambda_ - before.place.lambda_, after.place.gamma - before.place.gamma]
    parts = [(old[name], new[name]) for name in ("D_error", "C")]
    explained = sum(h * (low + high) / 2 for h, (low, high) in zip(changes, parts))
    curved = abs(sum(h * (high - low) / 2 for h, (low, high) in zip(changes, parts)))
    return abs(new["F"] - old["F"] - explained) > BENT * curved + ROUNDING * abs(new["F"])
