"""The way from one task to another, shared by the transfers: its data, its checks and its steps in t."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from ib_cli.datasets.data import Data
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.chosen_surface import check_surface
from ib_cli.procedures.free_energy.domains import check_transfer, laws
from ib_cli.procedures.free_energy.path import Change
from ib_cli.procedures.free_energy.preconditions import PathOptions, check_labels
from ib_cli.procedures.free_energy.rates import Rates
from ib_cli.procedures.free_energy.steps import Steps, change_of
from ib_cli.procedures.free_energy.surface import Direction, Estimated, Place, Slopes
from ib_cli.procedures.free_energy.walk import Walk


class TargetController(ABC):
    """Steps to t = (k/`steps`)^`pace`, k = 1 … `steps`, that leave λ and γ as they are up to t = `held`."""

    def __init__(self, steps: int, held: float = 0.0, pace: float = 1.0) -> None:
        self.steps, self.held = Steps(steps, pace), held

    @abstractmethod
    def rates(self, here: Place, slopes: Slopes) -> Rates:
        """λ̇ and γ̇ per unit of t. Raises RunFailedError where the slopes leave them open."""

    def change(self, here: Place, slopes: Slopes) -> Change:
        """The rates times the step in t. Raises as `rates`."""
        step = self.steps.size(here.t)
        if not self.steps.reached(here.t, self.held):
            return Change(Estimated(0.0), Estimated(0.0), step)
        return change_of(self.rates(here, slopes), step)

    def directions(self, here: Place) -> tuple[Direction, ...]:
        """None while λ and γ are held, else all three."""
        return ("lambda", "gamma", "t") if self.steps.reached(here.t, self.held) else ()

    def over(self, here: Place, steps: int) -> bool:
        """Whether the target is reached."""
        return here.t >= 1


class WalkToTarget(Walk):
    """Trains a model on the source and carries it to the target on the equilibrium surface, which changes with t."""

    def __init__(self, controller: TargetController, steps: int, options: PathOptions) -> None:
        super().__init__(controller, steps, "raise procedure.steps or procedure.pace", options)

    def start(self, experiment: Experiment) -> Place:
        """λ and γ at t = 0. Raises ConfigError where the experiment has no such surface, or its data no target."""
        here = check_transfer(experiment, self.name)
        check_labels(experiment, self.name)
        check_surface(experiment, self.options, self.name, experiment.data.at(0.5))
        return here

    def laws(self, experiment: Experiment) -> Callable[[float], Data]:
        """t → the data under p(x, t), the source's at 0 and the target's at 1."""
        return laws(experiment)
