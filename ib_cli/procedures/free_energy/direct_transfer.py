"""Training on the target without a way to it: what a transfer is compared with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

from ib_cli.config.settings import Count
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.free_energy.domains import check_transfer, laws
from ib_cli.procedures.free_energy.path import Change, Path
from ib_cli.procedures.free_energy.preconditions import PathOptions, Positive
from ib_cli.procedures.free_energy.start import start, trained
from ib_cli.procedures.free_energy.surface import Direction, Estimated, Place, Slopes


class DirectTransfer(Procedure):
    """Trains a model on the target at one λ and γ, in the steps and epochs that a transfer has.

    `start=source`: from the equilibrium of the source, direct fine-tuning: the non-equilibrium process of A Free-Energy
    Principle for Representation Learning, Figs. 5 and 6. `start=scratch`: the initial training is on the target too.
    Records are those of a path that is at t = 1 from step 0 on; no slopes are taken.
    """

    name = "direct_transfer"

    def __init__(
        self, *, start: Literal["source", "scratch"], steps: Count, equilibration: Count, peak: Positive
    ) -> None:
        self.start, self.steps = start, steps
        self.options = PathOptions(equilibration, peak)

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface, or its data no target."""
        check_transfer(experiment, self.name)

    def epochs(self, experiment: Experiment) -> int:
        """With one equilibration at the start; there may be more."""
        return experiment.settings.epochs + (1 + self.steps) * self.options.equilibration

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train, then train on the target. Raises as `start` and `Path.follow`."""
        data_at = laws(experiment)
        if self.start == "scratch":
            experiment = replace(experiment, data=data_at(1.0))
        first = 1.0 if self.start == "scratch" else 0.0
        surface, seconds = start(experiment, checkpoint, self.options, data_at, first)
        if checkpoint is None or "path" not in checkpoint:
            surface.measure(surface.here.place._replace(t=1.0))
        path = Path(experiment, surface, Staying(self.steps), math.inf, "", checkpoint, seconds)
        return trained(experiment, surface, path.follow())


class Staying:
    """Steps that lead nowhere: the model is only trained on."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def change(self, here: Place, slopes: Slopes) -> Change:
        """No change."""
        return Change(Estimated(0.0), Estimated(0.0))

    def directions(self, here: Place) -> tuple[Direction, ...]:
        """None."""
        return ()

    def over(self, here: Place, steps: int) -> bool:
        """Whether all steps are done."""
        return steps >= self.steps
