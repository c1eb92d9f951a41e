"""The start of a path: the initial training, and equilibrations until the model is on the surface."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ib_cli.contracts.errors import RunFailedError
from ib_cli.contracts.told_numbers import percent
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import make_loss
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.recording import Clock, estimates_of, record_estimates
from ib_cli.procedures.fit.fit import train
from ib_cli.procedures.fit.progress import Progress
from ib_cli.procedures.free_energy.preconditions import PathOptions
from ib_cli.procedures.free_energy.surface import Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface

STILL = 0.01  # largest relative change of F in an equilibration that begins and ends on the surface
MOST = 5  # equilibrations before a path

log = logging.getLogger(__name__)


def start(
    experiment: Experiment,
    checkpoint: dict[str, Any] | None,
    options: PathOptions,
    data_at: Callable[[float], Data] | None = None,
    t: float = 0.0,
) -> tuple[TrainedSurface, float]:
    """The surface at the start of a path, or where the checkpoint of one left it; and the seconds spent so far.

    `data_at`: t → the data under p(x, t); None: the law stays. `t`: where the path starts; the experiment has its data.
    The initial training is `fit` with the experiment's epochs, from a checkpoint of it if that is one. Then the model
    is equilibrated until F stays, to 1 %. Raises RunFailedError where it does not, or J is not finite; Interrupted at a
    signal.
    """
    if checkpoint is not None and "surface" in checkpoint:
        surface = TrainedSurface(experiment, options, data_at)
        surface.restore(checkpoint)
        return surface, 0.0
    clock, progress = Clock(), Progress(experiment, checkpoint, None, "J")
    settings = experiment.settings
    train(progress, make_loss(experiment.model, experiment.objective, settings.samples, settings.precision), clock)
    surface = TrainedSurface(experiment, options, data_at, progress.state.epoch, progress.state.step)
    place = Place(experiment.multipliers["lambda"], experiment.multipliers["gamma"], t)
    settle(surface, place)
    return surface, progress.state.seconds + clock.read()


def settle(surface: TrainedSurface, place: Place) -> None:
    """Equilibrate the model at a place until F changes by no more than 1 % in an equilibration.

    Each is told: how far F and the gradient show that the model was away. Raises RunFailedError where F still changes
    after `MOST` of them.
    """
    before = surface.measure(place)
    for _ in range(MOST):
        after = surface.move(place)
        old, new = before.measures["train"]["F"], after.measures["train"]["F"]
        change = new / old - 1
        log.info(
            "equilibration at λ = %g, γ = %g: F from %.5g to %.5g (%+.2f %%), |∂J/∂θ| from %.3g to %.3g",
            place.lambda_, place.gamma, old, new, 100 * change, before.gradient_norm, after.gradient_norm,
        )  # fmt: skip
        if abs(change) <= STILL:
            return
        log.warning(
            "the start is not on the surface yet: an equilibration changed F by %s; another follows",
            percent(change, STILL),
        )
        before = after
    raise RunFailedError(
        f"the start is not on the surface: after {MOST} equilibrations F still changes by {percent(change, STILL)} in "
        "one: raise epochs or procedure.equilibration"
    )


def trained(experiment: Experiment, surface: TrainedSurface, finished: Finished) -> Finished:
    """The end of a path with its model: the final parameters, and estimates of information where they are asked for."""
    epoch = finished.epochs
    seconds = record_estimates(experiment, epoch, True, surface.params, surface.centre.buffers)
    return replace(
        finished,
        params=dict(surface.params),
        estimates=estimates_of(experiment, epoch),
        estimate_seconds=seconds,
        seconds=finished.seconds + seconds,
    )
