"""What build hands to a procedure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from ib_cli.datasets.data import Data
from ib_cli.engine.schedules import Schedule
from ib_cli.model import Model
from ib_cli.objective import Objective
from ib_cli.observer import Observer
from ib_cli.records import Records
from ib_cli.settings import Settings


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
    params: dict[str, Tensor]  # the parameters that were evaluated: the averages where there are any
