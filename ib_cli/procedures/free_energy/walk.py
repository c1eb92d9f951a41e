"""A walk over the equilibrium surface: what the procedures share that train a model and follow a controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ib_cli.datasets.data import Data
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.free_energy.chosen_surface import begin, check_parameters, end, facts_of
from ib_cli.procedures.free_energy.path import Controller, Path
from ib_cli.procedures.free_energy.preconditions import PathOptions


class Walk(Procedure):
    """Trains a model, brings it to the equilibrium surface and walks there as a controller leads.

    A procedure of its own adds its name, its keys, its checks and its controller; one to another task its `laws`.
    """

    def __init__(self, controller: Controller, steps: int, remedy: str, options: PathOptions) -> None:
        """`steps`: as many as are planned. `remedy`: where C drifts, as "lower procedure.alpha"."""
        self.controller, self.steps, self.remedy, self.options = controller, steps, remedy, options

    def laws(self, experiment: Experiment) -> Callable[[float], Data] | None:
        """t → the data under p(x, t); None where the law stays."""
        return None

    def facts(self, experiment: Experiment) -> Mapping[str, str] | None:
        """Of an exact surface, which trains no model."""
        return facts_of(experiment, self.options)

    def epochs(self, experiment: Experiment) -> int:
        """With one equilibration before the first step; there may be more."""
        return experiment.settings.epochs + (1 + self.steps) * self.options.equilibration

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train, then walk. Raises as `begin` and `Path.follow`."""
        surface, seconds = begin(experiment, checkpoint, self.options, self.laws(experiment))
        tolerance, correct = self.options.tolerance, self.options.correct
        path = Path(experiment, surface, self.controller, tolerance, self.remedy, checkpoint, seconds, correct)
        return end(experiment, surface, path.follow())

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The model's, by name. Raises ValueError for an exact surface, which has none."""
        check_parameters(self.options, self.name)
        return super().parameters(experiment, checkpoint)
