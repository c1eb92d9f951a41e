"""Iso-classification: a walk over the equilibrium surface along which C is constant."""

from __future__ import annotations

import math

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.free_energy import rates
from ib_cli.procedures.free_energy.chosen_surface import check_surface
from ib_cli.procedures.free_energy.path import Change
from ib_cli.procedures.free_energy.preconditions import (
    Copies,
    Difference,
    Kind,
    PathOptions,
    Positive,
    Share,
    check_labels,
    start_place,
)
from ib_cli.procedures.free_energy.surface import Direction, Estimated, Place, Slopes
from ib_cli.procedures.free_energy.walk import Walk

NOTHING = 1e-13  # nats by which C changes where λ or γ doubles: below it is rounding


class IsoClassification(Walk):
    """Trains a model, brings it to the equilibrium surface and walks there with C constant.

    dλ = −α ∂C/∂γ and dγ = α ∂C/∂λ a step (A Free-Energy Principle for Representation Learning, eq. 31). For α > 0 D
    falls, and R rises by λ times as much (29).
    """

    name = "iso_classification"

    def __init__(
        self,
        *,
        steps: Count,
        alpha: float,
        length: Positive | None,
        equilibration: Count,
        peak: Positive,
        copies: Copies,
        difference: Difference,
        tolerance: Positive,
        correct: Share,
        surface: Kind = "trained",
    ) -> None:
        self.alpha = alpha
        options = PathOptions(equilibration, peak, copies, difference, tolerance, correct, surface)
        remedy = "lower procedure.alpha" if length is None else "lower procedure.length"
        super().__init__(IsoController(steps, alpha, length), steps, remedy, options)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface, or α is 0."""
        start_place(experiment, self.name)
        check_labels(experiment, self.name)
        check_surface(experiment, self.options, self.name)
        if self.alpha == 0 or not math.isfinite(self.alpha):
            raise ConfigError(f"procedure.alpha={self.alpha:g}: no step leads anywhere: choose a number such as 1")


class IsoController:
    """Steps of eq. 31, and their number."""

    def __init__(self, steps: int, alpha: float, length: float | None) -> None:
        """`length`: of each step in ln λ and ln γ; None: as α says."""
        self.steps, self.alpha, self.length = steps, alpha, length

    def change(self, here: Place, slopes: Slopes) -> Change:
        """(−α ∂C/∂γ, α ∂C/∂λ), of the wanted length. Raises RunFailedError where C has no slope at all."""
        found = rates.iso_classification(slopes, self.alpha)
        nats = here.lambda_ * slopes["C", "lambda"].value, here.gamma * slopes["C", "gamma"].value
        if math.hypot(*nats) < NOTHING:
            raise RunFailedError(
                "∂C/∂λ and ∂C/∂γ are 0: C depends on neither λ nor γ here, as where z carries nothing: begin with a "
                "larger lambda or gamma"
            )
        if self.length is None:
            return Change(found.lambda_, found.gamma)
        size = math.hypot(found.lambda_.value / here.lambda_, found.gamma.value / here.gamma)
        factor = self.length / size
        by_lambda, by_gamma = (Estimated(factor * each.value, factor * each.stderr) for each in found)
        return Change(by_lambda, by_gamma)

    def directions(self, here: Place) -> tuple[Direction, ...]:
        """λ and γ."""
        return "lambda", "gamma"

    def over(self, here: Place, steps: int) -> bool:
        """Whether all steps are done."""
        return steps >= self.steps
