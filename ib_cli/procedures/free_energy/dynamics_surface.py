"""The equilibrium surface of small networks, walked on by Lemmas 5 and 9: θ follows λ, γ and t without training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ib_cli.contracts.errors import RunFailedError
from ib_cli.datasets.data import Data
from ib_cli.exact.gibbs import Law
from ib_cli.exact.newton import minimise, quadratic
from ib_cli.procedures.free_energy.exact_laws import laws_of, measures_of
from ib_cli.procedures.free_energy.gibbs_model import GibbsModel
from ib_cli.procedures.free_energy.lemmas import OFF, Motion, motion
from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Place, Slopes
from ib_cli.system.eager_optimisers import LBFGS
from ib_cli.system.signals import Interrupted

UNIT = 0.5**0.5  # a scale with which x stays as it is
DESCENT = 2_000  # iterations of L-BFGS before Newton's method
THERE = 1e-8  # largest norm of a gradient that counts as 0 at the start


class DynamicsSurface:
    """A place on the surface of a `GibbsModel`, whose θ moves by θ̇ = θ_λ λ̇ + θ_γ γ̇ + θ_t ṫ (24).

    A step takes the derivatives at its middle (the midpoint rule), and then `corrections` steps of Newton's method,
    without which the gradient's norm grows along a path by what the rule leaves.
    """

    def __init__(
        self,
        model: GibbsModel,
        data_at: Callable[[float], Data],
        place: Place,
        *,
        damping: float,
        corrections: int,
        difference: float = 0.01,
        stop: Callable[[], int | None] = lambda: None,
    ) -> None:
        """At the model's parameters; `equilibrate` or `restore` comes next.

        `damping`, `difference`: see `lemmas.motion`. `stop`: the signal that asks to stop, or None.
        """
        self.model, self.theta = model, model.start
        self._data_at, self._damping, self._difference = data_at, damping, difference
        self._corrections, self._steps, self._stop = corrections, 0, stop
        self._laws: dict[float, dict[str, Law]] = {}
        self._motion: tuple[tuple[Direction, ...], Motion] | None = None  # at the present place
        self._here = self._measured(place)

    @property
    def here(self) -> Equilibrium:
        """The present place."""
        return self._here

    def equilibrate(self) -> Equilibrium:
        """Go down to the equilibrium, by L-BFGS and Newton's method.

        Raises RunFailedError where the gradient stays above 1e-8, Interrupted at a signal.
        """
        place = self._here.place
        free_energy = self._free_energy(place)

        def function(theta: Tensor) -> Tensor:
            self._stop_if_asked()
            return free_energy(theta)

        found = minimise(function, descended(function, self.theta), tolerance=1e-10, iterations=200)
        self.theta, self._steps = found.at, self._steps + found.iterations
        if not found.gradient_norm <= THERE:
            raise RunFailedError(
                f"no equilibrium at λ = {place.lambda_:g}, γ = {place.gamma:g}: the gradient stays at "
                f"{found.gradient_norm:.2g}: choose another seed, or a smaller bottleneck.size"
            )
        return self._arrived(place)

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        """C_λ, C_γ (21), C_t (27) and the other slopes. They have no noise, so that `wider` changes nothing.

        Raises Interrupted.
        """
        self._stop_if_asked()
        return self._motion_here(directions).slopes

    def move(self, place: Place) -> Equilibrium:
        """Follow θ̇ to another place."""
        here, start = self._here.place, self.theta
        change: dict[Direction, float] = {
            "lambda": place.lambda_ - here.lambda_, "gamma": place.gamma - here.gamma, "t": place.t - here.t,
        }  # fmt: skip
        directions = tuple(each for each, length in change.items() if length)
        if directions:
            first = self._motion_here(directions)
            half = start + 0.5 * _moved(first, change)
            middle = Place(*((a + b) / 2 for a, b in zip(here, place)))
            self.theta = start + _moved(self._motion_at(half, middle, directions), change)
        if self._corrections:
            function = self._free_energy(place)
            self.theta = minimise(function, self.theta, tolerance=1e-10, iterations=self._corrections, damping=OFF).at
        self._steps += 1
        return self._arrived(place)

    def state(self) -> dict[str, Any]:
        """θ and the place."""
        return {"theta": self.theta, "place": tuple(self._here.place), "steps": self._steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to the place of such a state."""
        self.theta, self._steps = state["theta"].cpu(), state["steps"]
        self._arrived(Place(*state["place"]))

    def _stop_if_asked(self) -> None:
        if (signal := self._stop()) is not None:
            raise Interrupted(signal)

    def _arrived(self, place: Place) -> Equilibrium:
        self._motion, self._here = None, self._measured(place)
        return self._here

    def _motion_here(self, directions: tuple[Direction, ...]) -> Motion:
        """The motion along at least these directions."""
        if self._motion is None or not set(directions) <= set(self._motion[0]):
            self._motion = directions, self._motion_at(self.theta, self._here.place, directions)
        return self._motion[1]

    def _motion_at(self, theta: Tensor, place: Place, directions: tuple[Direction, ...]) -> Motion:
        train = lambda t: self._laws_at(t)["train"]  # noqa: E731
        return motion(self.model, theta, place, train, directions, self._damping, self._difference)

    def _free_energy(self, place: Place) -> Callable[[Tensor], Tensor]:
        law = self._laws_at(place.t)["train"]
        return lambda theta: self.model.free_energy(theta, place.lambda_, place.gamma, law)

    def _laws_at(self, t: float) -> dict[str, Law]:
        if t not in self._laws:
            if len(self._laws) >= 8:  # those of a step, and of the sides of its differences
                self._laws.pop(next(iter(self._laws)))
            self._laws[t] = laws_of(self._data_at(t), UNIT)
        return self._laws[t]

    def _measured(self, place: Place) -> Equilibrium:
        laws = self._laws_at(place.t)
        e = self.model.encoder(self.theta, place.lambda_, place.gamma, laws["train"])
        c = self.model.labels(self.theta).exp()
        found = {
            split: measures_of(law, self.model.costs(self.theta, law), c, e, place, self.model.constant)
            for split, law in laws.items()
        }
        norm = float(quadratic(self._free_energy(place), self.theta).gradient.norm())
        return Equilibrium(place, found, norm, epochs=0, steps=self._steps)


def _moved(found: Motion, change: Mapping[Direction, float]) -> Tensor:
    """θ_λ Δλ + θ_γ Δγ + θ_t Δt."""
    return sum((change[each] * along for each, along in found.theta.items()), torch.zeros(()))


def descended(function: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """Down to where L-BFGS comes, near a minimum; along the symmetries of a function it stays where it was."""
    at = start.detach().clone().requires_grad_()
    optimizer = LBFGS(
        [at], max_iter=DESCENT, max_eval=2 * DESCENT, tolerance_grad=1e-9, tolerance_change=1e-15, history_size=30,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = function(at)
        value.backward()
        return value

    optimizer.step(closure)
    return at.detach()
