"""Heuristic transfer: from one task to another with C constant, λ changing at a given rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.free_energy import rates
from ib_cli.procedures.free_energy.chosen_surface import begin, check_parameters, check_surface, end, facts_of
from ib_cli.procedures.free_energy.domains import check_transfer, laws
from ib_cli.procedures.free_energy.path import Change, Path
from ib_cli.procedures.free_energy.preconditions import Copies, Difference, Kind, PathOptions, Positive, Share
from ib_cli.procedures.free_energy.steps import Steps, change_of
from ib_cli.procedures.free_energy.surface import Direction, Estimated, Place, Slopes


class Transfer(Procedure):
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
        self.steps, self.lambda_rate, self.held = steps, lambda_rate, held
        self.pace = pace
        self.options = PathOptions(equilibration, peak, copies, difference, tolerance, correct, surface)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface, its data no target, or λ would end at 0."""
        here = check_transfer(experiment, self.name)
        check_surface(experiment, self.options, self.name, experiment.data.at(0.5))
        if here.lambda_ + self.lambda_rate <= 0:
            raise ConfigError(
                f"procedure.lambda_rate={self.lambda_rate:g}: λ goes from {here.lambda_:g} to "
                f"{here.lambda_ + self.lambda_rate:g}, and must stay above 0: choose more than {-here.lambda_:g}"
            )

    def facts(self, experiment: Experiment) -> Mapping[str, str] | None:
        """Of an exact surface, which trains no model."""
        return facts_of(experiment, self.options)

    def epochs(self, experiment: Experiment) -> int:
        """With one equilibration at the start; there may be more."""
        return experiment.settings.epochs + (1 + self.steps) * self.options.equilibration

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train on the source, then walk to the target. Raises as `begin` and `Path.follow`."""
        surface, seconds = begin(experiment, checkpoint, self.options, laws(experiment))
        controller = HeuristicController(self.steps, self.lambda_rate, self.held, self.pace)
        tolerance, correct = self.options.tolerance, self.options.correct
        path = Path(
            experiment,
            surface,
            controller,
            tolerance,
            "raise procedure.steps or procedure.pace",
            checkpoint,
            seconds,
            correct,
        )
        return end(experiment, surface, path.follow())

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The model's, by name. Raises ValueError for an exact surface, which has none."""
        check_parameters(self.options, self.name)
        return super().parameters(experiment, checkpoint)


class HeuristicController:
    """Steps of eq. 38 to t = 1."""

    def __init__(self, steps: int, lambda_rate: float, held: float = 0.0, pace: float = 1.0) -> None:
        """`held`: t up to which λ and γ stay; `pace`: as `Steps` has it."""
        self.steps, self.lambda_rate, self.held = Steps(steps, pace), lambda_rate, held

    def change(self, here: Place, slopes: Slopes) -> Change:
        """The rates times the step in t. Raises RunFailedError where C does not depend on γ."""
        step = self.steps.size(here.t)
        if not self.steps.reached(here.t, self.held):
            return Change(Estimated(0.0), Estimated(0.0), step)
        return change_of(rates.heuristic_transfer(slopes, self.lambda_rate), step)

    def directions(self, here: Place) -> tuple[Direction, ...]:
        """None while λ and γ are held, else all three."""
        return ("lambda", "gamma", "t") if self.steps.reached(here.t, self.held) else ()

    def over(self, here: Place, steps: int) -> bool:
        """Whether the target is reached."""
        return here.t >= 1
