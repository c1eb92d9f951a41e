"""Geodesic transfer: from one task to another with C constant, along a straight line in the plane of R and D."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.preconditions import Copies, Difference, Kind, PathOptions, Positive, Share
from ib_cli.procedures.free_energy.rates import Rates, geodesic_transfer
from ib_cli.procedures.free_energy.surface import Place, Slopes
from ib_cli.procedures.free_energy.to_target import TargetController, WalkToTarget


class GeodesicTransfer(WalkToTarget):
    """Trains a model on the source and carries it to the target on the equilibrium surface, which changes with t.

    λ and γ change so that C and the slope dD/dR stay constant (A Free-Energy Principle for Representation Learning, eq.
    30), in steps to t = (k/`steps`)^`pace`. Up to t = `held` they stay: near t = 0 the slopes along t are those of a
    model that has hardly seen the target's labels, and infinite in the limit.
    """

    name = "geodesic_transfer"

    def __init__(
        self,
        *,
        steps: Count,
        slope: float,
        held: Share,
        pace: Annotated[float, Ge(1)],
        equilibration: Count,
        peak: Positive,
        copies: Copies,
        difference: Difference,
        tolerance: Positive,
        correct: Share,
        surface: Kind = "trained",
    ) -> None:
        self.slope = slope
        options = PathOptions(equilibration, peak, copies, difference, tolerance, correct, surface)
        super().__init__(GeodesicController(steps, slope, held, pace), steps, options)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface, its data no target, or the slope is −1/λ."""
        here = self.start(experiment)
        if 1 + self.slope * here.lambda_ == 0:
            raise ConfigError(
                f"procedure.slope={self.slope:g}: is −1/λ, the slope dD/dR of the surface itself, and leaves the "
                f"rates open: choose another, such as {2 * self.slope:g}"
            )


class GeodesicController(TargetController):
    """Steps of eq. 30 to t = 1."""

    def __init__(self, steps: int, slope: float, held: float = 0.0, pace: float = 1.0) -> None:
        super().__init__(steps, held, pace)
        self.slope = slope

    def rates(self, here: Place, slopes: Slopes) -> Rates:
        """Those that keep C and dD/dR = `slope`. Raises RunFailedError where the slopes leave them open."""
        return geodesic_transfer(slopes, here.lambda_, self.slope)
