"""Heuristic transfer: from one task to another with C constant, λ changing at a given rate."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy.preconditions import Copies, Difference, Kind, PathOptions, Positive, Share
from ib_cli.procedures.free_energy.rates import Rates, heuristic_transfer
from ib_cli.procedures.free_energy.surface import Place, Slopes
from ib_cli.procedures.free_energy.to_target import TargetController, WalkToTarget


class Transfer(WalkToTarget):
    """Trains a model on the source and carries it to the target on the equilibrium surface, which changes with t.

    λ changes by `lambda_rate` from t = 0 to t = 1, and γ so that C stays constant (A Free-Energy Principle for
    Representation Learning, eq. 38), in steps to t = (k/`steps`)^`pace`. Up to t = `held` both stay, as for
    `GeodesicTransfer`.
    """

    name = "transfer"

    def __init__(
        self,
        *,
        steps: Count,
        lambda_rate: float,
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
        self.lambda_rate = lambda_rate
        options = PathOptions(equilibration, peak, copies, difference, tolerance, correct, surface)
        super().__init__(HeuristicController(steps, lambda_rate, held, pace), steps, options)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface, its data no target, or λ would end at 0."""
        here = self.start(experiment)
        if here.lambda_ + self.lambda_rate <= 0:
            raise ConfigError(
                f"procedure.lambda_rate={self.lambda_rate:g}: λ goes from {here.lambda_:g} to "
                f"{here.lambda_ + self.lambda_rate:g}, and must stay above 0: choose more than {-here.lambda_:g}"
            )


class HeuristicController(TargetController):
    """Steps of eq. 38 to t = 1."""

    def __init__(self, steps: int, lambda_rate: float, held: float = 0.0, pace: float = 1.0) -> None:
        super().__init__(steps, held, pace)
        self.lambda_rate = lambda_rate

    def rates(self, here: Place, slopes: Slopes) -> Rates:
        """λ̇ as given, and the γ̇ that keeps C. Raises RunFailedError where C does not depend on γ."""
        return heuristic_transfer(slopes, self.lambda_rate)
