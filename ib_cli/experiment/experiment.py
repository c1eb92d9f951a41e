"""Everything that a procedure works with, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ib_cli.config.settings import Settings
from ib_cli.datasets.data import Data
from ib_cli.engine.not_finite import Suspects, suspects
from ib_cli.engine.schedules import Schedule
from ib_cli.experiment.estimates import Estimates
from ib_cli.experiment.noise_measures import NoiseMeasures, NoNoiseMeasures
from ib_cli.experiment.records import Records
from ib_cli.functionals.objective import Objective
from ib_cli.model.model import Model
from ib_cli.watch.observer import Observer

if TYPE_CHECKING:
    from ib_cli.experiment.finished_run import FinishedRun
    from ib_cli.experiment.procedure import Procedure


@dataclass(frozen=True)
class Experiment:
    """Data, model, objective and procedure of one run, on their device. Nothing in it knows of Hydra."""

    config: Mapping[str, Any]  # resolved, as plain containers
    settings: Settings  # the config's top-level keys
    data: Data
    model: Model
    objective: Objective
    multipliers: dict[str, float]
    optimizer: Callable[[Iterable[Tensor]], Optimizer]
    schedule: Schedule
    estimates: Estimates
    procedure: Procedure
    records: Records
    observers: tuple[Observer, ...]
    device: torch.device
    noise_measures: NoiseMeasures = field(default_factory=NoNoiseMeasures)
    measured: FinishedRun | None = None  # the run that the procedure measures; None: it measures none
    judge: FinishedRun | None = None  # the classifier that the procedure judges that run by; None: it needs none
    stop: Callable[[], int | None] = lambda: None  # number of the signal that asks this run to stop, or None

    @property
    def lagrangian(self) -> str:
        """What is minimised, with numbers: `C + 0.01 R`."""
        return self.objective.lagrangian(self.multipliers)

    @property
    def objective_name(self) -> str:
        """The public name of what is, or was, minimised."""
        of = self if self.measured is None or self.procedure.trains_model else self.measured.experiment
        return str(of.config["objective"]["name"])

    @property
    def suspects(self) -> Suspects:
        """What in the config may be why J is not finite, if it is not."""
        return suspects(self.config, self.multipliers)


@dataclass(frozen=True)
class Finished:
    """What a procedure hands back at its end."""

    epochs: int
    seconds: float  # over all interruptions
    measures: dict[str, dict[str, float]]  # split → measures
    estimates: list[dict[str, Any]] = field(default_factory=list)  # lines of estimates.jsonl of the last epoch
    compile_seconds: float = 0.0  # part of `seconds`: compiling
    estimate_seconds: float = 0.0  # part of `seconds`: estimates of information
    of_measured: dict[str, dict[str, float]] = field(default_factory=dict)  # split → measures of the measured run
    doubts: list[str] = field(default_factory=list)  # why its measures are not to be trusted, a line each
    params: dict[str, Tensor] | None = None  # the parameters that were evaluated; None: there is no trained model
