"""What build hands to a procedure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ib_cli.config.settings import Settings
from ib_cli.datasets.data import Data
from ib_cli.engine.schedules import Schedule
from ib_cli.experiment.estimates import Estimates
from ib_cli.experiment.records import Records
from ib_cli.functionals.objective import Objective
from ib_cli.model.model import Model
from ib_cli.watch.observer import Observer


@dataclass(frozen=True)
class Experiment:
    """Everything that a procedure works with; nothing in it knows of Hydra."""

    settings: Settings
    data: Data
    model: Model
    objective: Objective
    multipliers: dict[str, float]
    optimizer: Callable[[Iterable[Tensor]], Optimizer]
    schedule: Schedule
    estimates: Estimates
    records: Records
    observers: tuple[Observer, ...]
    device: torch.device
    stop: Callable[[], int | None] = lambda: None  # the number of a signal that asks this run to stop, if one came


@dataclass(frozen=True)
class Finished:
    """What a procedure hands back."""

    epochs: int
    seconds: float  # over all interruptions
    measures: dict[str, dict[str, float]]  # of each split
    estimates: list[dict[str, Any]]  # the lines of estimates.jsonl of the last epoch
    compile_seconds: float  # of the seconds, those that compiling took
    estimate_seconds: float  # of the seconds, those that estimates took
    params: dict[str, Tensor] | None  # those that were evaluated: the averages where there are any; None: no model
