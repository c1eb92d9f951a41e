"""Bringing a model to the equilibrium surface, and from there to a second place of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ib_cli.config.settings import Count
from ib_cli.engine.state import State
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, record
from ib_cli.procedures.free_energy.preconditions import PathOptions, Positive, start_place
from ib_cli.procedures.free_energy.start import start, trained
from ib_cli.procedures.free_energy.surface import Equilibrium, Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface


class Equilibrate(Procedure):
    """Trains a model and equilibrates it at (λ, γ), and then at a second place, if there is one.

    metrics.jsonl has a line a split for each place (`path_step` 0 and 1), and between them one after each
    `evaluate_every` epochs, with λ, γ, F and the gradient's norm. The train split's result has `F_change`, by which the
    last equilibration changed F relative to its start, and `gradient_norm_before` it: the model was on the surface if
    F stayed. At a second place F's start is the model's F at the first one.
    """

    name = "equilibrate"

    def __init__(
        self, *, equilibration: Count, peak: Positive, next_lambda: Positive | None, next_gamma: Positive | None
    ) -> None:
        self.options = PathOptions(equilibration, peak)
        self.next_lambda, self.next_gamma = next_lambda, next_gamma

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment has no such surface."""
        start_place(experiment, self.name)

    def epochs(self, experiment: Experiment) -> int:
        """With one equilibration at the first place; there may be more."""
        places = 1 if self.next_lambda is None and self.next_gamma is None else 2
        return experiment.settings.epochs + places * self.options.equilibration

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train and equilibrate. Raises as `start`."""
        clock = Clock()
        surface, seconds = start(experiment, checkpoint, self.options)
        saved = (checkpoint or {}).get("equilibrate")
        here = surface.here
        if saved is None:
            before = surface.earlier or here
            saved = {"done": 0, "seconds": seconds, **_change(before, here)}
            _record(experiment, here, 0)
            clock.read()  # in `seconds` already
            self._save(experiment, surface, saved, clock)
        there = Place(self.next_lambda or here.place.lambda_, self.next_gamma or here.place.gamma)
        if saved["done"] == 0 and there != here.place:
            self._move(experiment, surface, there)
            _record(experiment, surface.here, 1)
            saved |= {"done": 1, **_change(here, surface.here)}
            self._save(experiment, surface, saved, clock)
        measures = _measures(surface.here)
        measures["train"] |= {name: saved[name] for name in ("F_change", "gradient_norm_before")}
        finished = Finished(surface.here.epochs, saved["seconds"] + clock.read(), measures)
        return trained(experiment, surface, finished)

    def _move(self, experiment: Experiment, surface: TrainedSurface, there: Place) -> None:
        last = surface.here.epochs + self.options.equilibration

        def after_epoch(state: State) -> None:
            if state.epoch % experiment.settings.evaluate_every == 0 and state.epoch < last:
                _record(experiment, surface.measure(there), None)

        surface.move(there, after_epoch)

    def _save(self, experiment: Experiment, surface: TrainedSurface, saved: dict[str, Any], clock: Clock) -> None:
        saved["seconds"] += clock.read()
        experiment.records.save_checkpoint({**surface.state(), "equilibrate": saved})


def _change(before: Equilibrium, after: Equilibrium) -> dict[str, float]:
    old, new = before.measures["train"]["F"], after.measures["train"]["F"]
    return {"F_change": new / old - 1, "gradient_norm_before": before.gradient_norm}


def _measures(here: Equilibrium) -> dict[str, dict[str, float]]:
    where = {"lambda": here.place.lambda_, "gamma": here.place.gamma, "t": here.place.t}
    found = {split: {**where, **measures} for split, measures in here.measures.items()}
    found["train"]["gradient_norm"] = here.gradient_norm
    return found


def _record(experiment: Experiment, here: Equilibrium, step: int | None) -> None:
    for split, measures in _measures(here).items():
        own: Mapping[str, float] = {} if step is None else {"path_step": step}
        record(experiment, here.epochs, here.steps, split, {**own, **measures})
