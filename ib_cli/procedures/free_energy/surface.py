"""The equilibrium surface, as the procedures that walk on it see it: a place, what is measured there, its slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Quantity = Literal["R", "D", "C", "F"]
Direction = Literal["lambda", "gamma", "t"]


class Place(NamedTuple):
    """A place on the surface."""

    lambda_: float  # weight of D
    gamma: float  # weight of C
    t: float = 0.0  # of the law p(x, t), from 0, the source, to 1, the target


class Estimated(NamedTuple):
    """A number with its standard error; 0 where it is exact."""

    value: float
    stderr: float = 0.0


@dataclass(frozen=True)
class Slopes:
    """Partial derivatives on the surface: the model is brought back to equilibrium on both sides of each difference."""

    of: Mapping[tuple[Quantity, Direction], Estimated]  # ("C", "lambda") → ∂C/∂λ at constant γ and t
    envelope: Estimated | None = None  # ∂F/∂t at constant θ, λ, γ: ∂R/∂t at constant D and C (eq. 30); None: not asked

    def __getitem__(self, key: tuple[Quantity, Direction]) -> Estimated:
        return self.of[key]


@dataclass(frozen=True)
class Equilibrium:
    """What is measured at a place."""

    place: Place
    measures: Mapping[str, Mapping[str, float]]  # split → R, D, D_error, C, F and others, under the law at `place.t`
    gradient_norm: float  # Euclidean norm of ∂J/∂θ over the train split, 0 at equilibrium
    epochs: int  # of training, in all
    steps: int  # of the optimiser, in all


class Surface(Protocol):
    """An equilibrium surface and a present place on it. `ExactSurface` has tables, `TrainedSurface` networks."""

    @property
    def here(self) -> Equilibrium:
        """The present place."""

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        """The slopes of R, D, C and F at the present place, which stays; with "t", also the envelope.

        `wider`: factor of the differences in λ, γ and t, for slopes that were lost in noise. Raises Interrupted.
        """

    def move(self, place: Place) -> Equilibrium:
        """Go to another place, bring the model to equilibrium there, and measure. Raises Interrupted at a signal."""

    def state(self) -> dict[str, Any]:
        """All that a checkpoint must hold to go on from here to the same numbers."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to the place of such a state."""
