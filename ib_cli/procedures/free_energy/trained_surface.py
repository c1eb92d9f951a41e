"""The equilibrium surface of a network: places are its parameters, slopes are differences of re-equilibrated copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ib_cli.datasets.data import Data
from ib_cli.engine.seeds import derived_seed
from ib_cli.engine.stack import Stack
from ib_cli.engine.state import State
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.recording import stop_if_asked
from ib_cli.procedures.free_energy.domains import measured_on_the_way
from ib_cli.procedures.free_energy.equilibration import Equilibrator, fresh_state
from ib_cli.procedures.free_energy.preconditions import PathOptions, with_error
from ib_cli.procedures.free_energy.spread import Spread
from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Estimated, Place, Quantity, Slopes

QUANTITIES: tuple[Quantity, ...] = ("R", "D", "C", "F")
ENVELOPE = "envelope"  # its name among the slopes of a `Spread`


class Sides(NamedTuple):
    """The two places of a difference."""

    low: Place
    high: Place
    width: float  # between them, of the coordinate that differs
    unit: float  # of relative slopes: the coordinate itself, or 1 for t


class TrainedSurface:
    """A `Surface` whose present place is the experiment's model, brought there by training.

    A move trains the model for `equilibration` epochs with the new λ and γ. Slopes are central differences: copies of
    the model are trained on both sides of each direction, all as one stack, for as many epochs, and measured on the
    train split. A replicate has a seed of its own, which both of its sides share, in training and in the evaluation
    (common random numbers): what the two have in common, such as a model that still improves, is not in their
    difference. A slope is the mean over replicates; `Spread` tells its standard error.
    """

    def __init__(
        self,
        experiment: Experiment,
        options: PathOptions,
        data_at: Callable[[float], Data] | None = None,
        epoch: int = 0,
        step: int = 0,
    ) -> None:
        """`data_at`: t → the data under p(x, t), whose domains are measured apart too; None: the law stays.

        `epoch`, `step`: trained so far.
        """
        self.experiment, self.options = with_error(experiment), options
        self.data_at, self.on_the_way = data_at or (lambda t: experiment.data), data_at is not None
        self.spread = Spread()
        self._equilibrator: Equilibrator | None = None
        self._here: Equilibrium | None = None
        self.earlier: Equilibrium | None = None  # what was measured before the last measurement
        self.centre = self._fresh(epoch, step)

    @property
    def params(self) -> dict[str, Tensor]:
        """The model's own parameters, which change in place."""
        return self.centre.params

    @property
    def here(self) -> Equilibrium:
        """The present place. Raises ValueError before the first `measure`, `move` or `restore`."""
        if self._here is None:
            raise ValueError("the surface has no place yet: measure it, move, or restore a state")
        return self._here

    def measure(self, place: Place) -> Equilibrium:
        """Take the model as it is for the one of this place, and measure it. Raises Interrupted at a signal."""
        law, experiment = self._under(place)
        measures = {}
        for split in experiment.data.splits:
            measures[split] = self._measured(law, experiment, place, split)
            measures[split]["F"] = free_energy(measures[split], place)
            stop_if_asked(experiment)
        norm = law.gradient_norm(experiment, self.params, self.centre.buffers)
        self.earlier = self._here
        self._here = Equilibrium(place, measures, norm, self.centre.epoch, self.centre.step)
        return self._here

    def _measured(self, law: Equilibrator, experiment: Experiment, place: Place, split: str) -> dict[str, float]:
        parameters = self.params, self.centre.buffers
        if self.on_the_way:
            return measured_on_the_way(experiment, self.data_at, place.t, *parameters, split)
        return law.evaluation.of(parameters[0], split, experiment, parameters[1])

    def move(self, place: Place, after_epoch: Callable[[State], None] | None = None) -> Equilibrium:
        """Train the model with this place's λ, γ and law, and measure it there.

        `after_epoch` is called after each epoch. Raises RunFailedError where J is not finite, Interrupted at a signal.
        """
        law, experiment = self._under(place)
        law.one(experiment, self.centre, self.options.equilibration, after_epoch)
        self.centre = self._fresh(self.centre.epoch, self.centre.step)
        return self.measure(place)

    def slopes(self, directions: tuple[Direction, ...], wider: float = 1.0) -> Slopes:
        """Central differences of copies; one-sided ones where t is 0 or 1. Raises as `move`."""
        if not directions:
            return Slopes({})
        here, count = self.here.place, self.spread.replicates(self.options.copies, wider)
        purpose = ("slopes", self.centre.epoch, str(wider))
        seeds = [derived_seed(self.experiment.settings.seed, *purpose, r) for r in range(count)]
        sides = {way: self._sides(here, way, self.options.difference * wider) for way in directions}
        measured = self._measured_copies([place for each in sides.values() for place in (each.low, each.high)], seeds)
        replicates: dict[str, list[float]] = {}
        for way, (low, high, width, unit) in sides.items():
            for quantity in QUANTITIES:
                replicates[f"{quantity}/{way}"] = [
                    unit * (above[quantity] - below[quantity]) / width
                    for below, above in zip(measured[low], measured[high])
                ]
        if "t" in sides:
            replicates[ENVELOPE] = self._envelope(sides["t"], seeds)
        errors = self.spread.stderrs(wider, replicates)
        means = {name: Estimated(sum(values) / count, errors[name]) for name, values in replicates.items()}
        of = {
            (quantity, way): Estimated(*(each / sides[way].unit for each in means[f"{quantity}/{way}"]))
            for way in directions
            for quantity in QUANTITIES
        }
        return Slopes(of, means.get(ENVELOPE))

    def state(self) -> dict[str, Any]:
        """The model and the position, as `State.checkpoint`, and what has been measured here."""
        here = self.here
        return {
            **self.centre.checkpoint(),
            "surface": {
                "place": list(here.place),
                "measures": {split: dict(measures) for split, measures in here.measures.items()},
                "gradient_norm": here.gradient_norm,
                "spread": self.spread.state(),
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to the place of such a state. Raises KeyError or RuntimeError where it is of another model."""
        self.centre.restore(dict(state))
        self.centre = self._fresh(self.centre.epoch, self.centre.step)
        own = state["surface"]
        self.spread.restore(own["spread"])
        self._here = Equilibrium(
            Place(*own["place"]), own["measures"], own["gradient_norm"], self.centre.epoch, self.centre.step
        )

    def _fresh(self, epoch: int, step: int) -> State:
        """The model before its next equilibration."""
        model, options = self.experiment.model, self.options
        return fresh_state(
            self.experiment, dict(model.named_parameters()), dict(model.named_buffers()), options.equilibration,
            options.peak, epoch, step,
        )  # fmt: skip

    def _under(self, place: Place, seed: int | None = None) -> tuple[Equilibrator, Experiment]:
        """The law of a place, and the experiment there; `seed`: another one than the experiment's own."""
        data, own = self.data_at(place.t), self.experiment
        multipliers = {**own.multipliers, "lambda": place.lambda_, "gamma": place.gamma}
        settings = own.settings if seed is None else replace(own.settings, seed=seed)
        experiment = replace(own, data=data, multipliers=multipliers, settings=settings)
        if self._equilibrator is None or self._equilibrator.first.data is not data:
            self._equilibrator = Equilibrator(experiment, self.options.peak)
        return self._equilibrator, experiment

    @staticmethod
    def _sides(here: Place, way: Direction, difference: float) -> Sides:
        if way == "t":
            low, high = max(here.t - difference, 0.0), min(here.t + difference, 1.0)
            return Sides(here._replace(t=low), here._replace(t=high), high - low, 1.0)
        field = "lambda_" if way == "lambda" else "gamma"
        at = getattr(here, field)
        low, high = at * (1 - difference), at * (1 + difference)
        return Sides(here._replace(**{field: low}), here._replace(**{field: high}), high - low, at)

    def _measured_copies(self, places: Sequence[Place], seeds: Sequence[int]) -> dict[Place, list[dict[str, float]]]:
        """R, D, C and F of copies equilibrated at each place, one a seed; those of one law are trained as one stack."""
        found: dict[Place, list[dict[str, float]]] = {}
        for t in dict.fromkeys(place.t for place in places):
            group = [place for place in dict.fromkeys(places) if place.t == t]
            law, _ = self._under(group[0])
            experiments = [self._under(place, seed)[1] for place in group for seed in seeds]
            stack = Stack([self._copy() for _ in experiments], self.experiment.optimizer)
            measured = law.copies(experiments, stack, self.options.equilibration)
            for i, place in enumerate(group):
                of_place = measured[i * len(seeds) : (i + 1) * len(seeds)]
                found[place] = [
                    {"R": each["R"], "D": each["D_error"], "C": each["C"], "F": free_energy(each, place)}
                    for each in of_place
                ]
        return found

    def _copy(self) -> State:
        params = {name: p.detach().clone().requires_grad_() for name, p in self.params.items()}
        buffers = {name: buffer.clone() for name, buffer in self.centre.buffers.items()}
        return fresh_state(self.experiment, params, buffers, self.options.equilibration, self.options.peak)

    @torch.no_grad()
    def _envelope(self, sides: Sides, seeds: Sequence[int]) -> list[float]:
        """∂F/∂t at constant θ, λ and γ: the same model under the laws of both sides, one value a seed."""
        found: list[list[float]] = []
        for place in (sides.low, sides.high):
            of_side = []
            for seed in seeds:
                law, experiment = self._under(place, seed)
                measures = law.evaluation.of(self.params, "train", experiment, self.centre.buffers)
                of_side.append(free_energy(measures, place))
                stop_if_asked(experiment)
            found.append(of_side)
        return [(above - below) / sides.width for below, above in zip(*found)]


def free_energy(measures: Mapping[str, float], place: Place) -> float:
    """F = R + λ D_error + γ C, in nats."""
    return math.fsum((measures["R"], place.lambda_ * measures["D_error"], place.gamma * measures["C"]))
