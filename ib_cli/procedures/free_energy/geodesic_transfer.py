"""Geodesic transfer: from one task to another with C constant, along a straight line in the plane of R and D."""

from __future__ import annotations

import math
from typing import Any

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.free_energy import rates
from ib_cli.procedures.free_energy.domains import check_transfer, laws
from ib_cli.procedures.free_energy.path import Change, Path
from ib_cli.procedures.free_energy.preconditions import Copies, Difference, PathOptions, Positive, Share
from ib_cli.procedures.free_energy.start import start, trained
from ib_cli.procedures.free_energy.steps import Steps, change_of
from ib_cli.procedures.free_energy.surface import Direction, Place, Slopes


class GeodesicTransfer(Procedure):
    """Trains a model on the source and carries it to the target on the equilibrium surface, which changes with t.

    λ and γ change so that C and the slope dD/dR stay constant (A Free-Energy Principle for Representation Learning, eq.
    30), in steps of 1/`steps` of t.
    """

    name = "geodesic_transfer"

    def __init__(
        self,
        *,
        steps: Count,
        slope: float,
        equilibration: Count,
        peak: Positive,
        copies: Copies,
        difference: Difference,
        tolerance: Positive,
        correct: Share,
    ) -> None:
        self.steps, self.slope = steps, slope
        self.options = PathOptions(equilibration, peak, copies, difference, tolerance, correct)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface or its data no target, and for no slope."""
        check_transfer(experiment, self.name)
        if not math.isfinite(self.slope):
            raise ConfigError(f"procedure.slope={self.slope}: dD/dR must be a number, such as -1")

    def epochs(self, experiment: Experiment) -> int:
        """With one equilibration at the start; there may be more."""
        return experiment.settings.epochs + (1 + self.steps) * self.options.equilibration

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train on the source, then walk to the target. Raises as `start` and `Path.follow`."""
        surface, seconds = start(experiment, checkpoint, self.options, laws(experiment))
        controller = GeodesicController(self.steps, self.slope)
        tolerance, correct = self.options.tolerance, self.options.correct
        path = Path(experiment, surface, controller, tolerance, "raise procedure.steps", checkpoint, seconds, correct)
        return trained(experiment, surface, path.follow())


class GeodesicController:
    """Steps of eq. 30 to t = 1."""

    directions: tuple[Direction, ...] = ("lambda", "gamma", "t")

    def __init__(self, steps: int, slope: float) -> None:
        self.steps, self.slope = Steps(steps), slope

    def change(self, here: Place, slopes: Slopes) -> Change:
        """The rates times the step in t. Raises RunFailedError where the slopes leave them open."""
        return change_of(rates.geodesic_transfer(slopes, here.lambda_, self.slope), self.steps.size(here.t))

    def over(self, here: Place, steps: int) -> bool:
        """Whether the target is reached."""
        return here.t >= 1
