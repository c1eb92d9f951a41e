"""Learning-rate schedules: factors of the optimiser's learning rate against time in epochs."""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Ge, Gt, Interval

from ib_cli.contracts.errors import ConfigError


class Schedule:
    """A factor of the learning rate at time t, in epochs from 0. It first rises linearly over `warmup` epochs."""

    def __init__(self, *, warmup: Annotated[float, Ge(0)]) -> None:
        self.warmup = warmup

    def factor(self, t: float) -> float:
        """The factor of the learning rate at time t."""
        return self.shape(t) * min(1.0, t / self.warmup if self.warmup else 1.0)

    def shape(self, t: float) -> float:
        """The factor without the warm-up: constant unless a subclass says otherwise."""
        return 1.0

    def observe(self, J: float) -> None:
        """Take note of the training objective after an epoch."""

    def state(self) -> dict[str, Any]:
        """The schedule's state for a checkpoint; empty if it has none."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Restore a state that `state` returned."""


class Constant(Schedule):
    """The optimiser's learning rate throughout."""


class Step(Schedule):
    """× rate at each of the milestones (epochs)."""

    def __init__(
        self,
        *,
        warmup: Annotated[float, Ge(0)],
        milestones: list[Annotated[float, Gt(0)]],
        rate: Annotated[float, Gt(0)],
    ) -> None:
        super().__init__(warmup=warmup)
        self.milestones, self.rate = milestones, rate

    def shape(self, t: float) -> float:
        """rate^(milestones passed)."""
        return self.rate ** sum(t >= milestone for milestone in self.milestones)


class Exponential(Schedule):
    """× rate every `every` epochs, in steps (`staircase`) or continuously."""

    def __init__(
        self,
        *,
        warmup: Annotated[float, Ge(0)],
        rate: Annotated[float, Gt(0)],
        every: Annotated[float, Gt(0)],
        staircase: bool,
    ) -> None:
        super().__init__(warmup=warmup)
        self.rate, self.every, self.staircase = rate, every, staircase

    def shape(self, t: float) -> float:
        """rate^(t / every), rounded down if a staircase."""
        periods = t / self.every
        return self.rate ** (math.floor(periods) if self.staircase else periods)


class Cosine(Schedule):
    """½(1 + cos πt/T) from 1 down to `floor` over the run's T epochs."""

    def __init__(
        self,
        *,
        warmup: Annotated[float, Ge(0)],
        epochs: Annotated[int, Gt(0)],
        floor: Annotated[float, Interval(ge=0, le=1)],
    ) -> None:
        super().__init__(warmup=warmup)
        self.epochs, self.floor = epochs, floor
        if warmup >= epochs:
            raise ConfigError(f"schedule.warmup={warmup}: must be shorter than schedule.epochs={epochs}")

    def shape(self, t: float) -> float:
        """Half a period, from the end of the warm-up to the last epoch."""
        span = max(self.epochs - self.warmup, 1e-12)
        done = min(max((t - self.warmup) / span, 0.0), 1.0)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))


class Plateau(Schedule):
    """× rate when the training objective has not fallen for more than `patience` epochs (Unpacking §7)."""

    def __init__(
        self, *, warmup: Annotated[float, Ge(0)], rate: Annotated[float, Gt(0)], patience: Annotated[int, Ge(0)]
    ) -> None:
        super().__init__(warmup=warmup)
        self.rate, self.patience = rate, patience
        self.best, self.flat, self.drops = math.inf, 0, 0

    def shape(self, t: float) -> float:
        """rate^(drops so far)."""
        return self.rate**self.drops

    def observe(self, J: float) -> None:
        """Count epochs without a new lowest J; after more than `patience`, drop the rate and count anew."""
        if self.best > J:
            self.best, self.flat = J, 0
        else:
            self.flat += 1
        if self.flat > self.patience:
            self.drops, self.flat = self.drops + 1, 0

    def state(self) -> dict[str, Any]:
        """best, flat, drops."""
        return {"best": self.best, "flat": self.flat, "drops": self.drops}

    def load(self, state: dict[str, Any]) -> None:
        """Restore best, flat, drops."""
        self.best, self.flat, self.drops = state["best"], state["flat"], state["drops"]
