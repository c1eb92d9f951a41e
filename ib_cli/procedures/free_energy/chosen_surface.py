"""The surface that `procedure.surface` chooses: of the experiment's model, trained, or of tables, solved exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Data
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.recording import Clock
from ib_cli.model.blocks.likelihoods import Likelihood
from ib_cli.model.bottlenecks.enumerated import Enumerated
from ib_cli.procedures.free_energy.exact_laws import unsolvable
from ib_cli.procedures.free_energy.exact_surface import ExactSurface
from ib_cli.procedures.free_energy.preconditions import PathOptions
from ib_cli.procedures.free_energy.start import start, trained
from ib_cli.procedures.free_energy.surface import Place
from ib_cli.procedures.free_energy.trained_surface import TrainedSurface

VARIANCE_HALF = 0.5**0.5  # the scale of the paper's decoder, where the model's has none


def check_surface(experiment: Experiment, options: PathOptions, procedure: str, data: Data | None = None) -> None:
    """Raises ConfigError where `procedure.surface=exact` does not suit the experiment.

    `data`: those under p(x, t) with samples of both domains; None: the experiment's.
    """
    if options.surface == "trained":
        return
    if not isinstance(experiment.model.bottleneck, Enumerated):
        raise ConfigError(
            f"procedure.surface=exact: procedure={procedure} solves for a z of bottleneck.size values: choose "
            "architecture=tables or bottleneck=categorical"
        )
    if wrong := unsolvable(data or experiment.data):
        raise ConfigError(f"procedure.surface=exact: {wrong}")


def facts_of(experiment: Experiment, options: PathOptions) -> Mapping[str, str] | None:
    """The model of an exact surface; None for a trained one."""
    if options.surface == "trained":
        return None
    states, scale = experiment.model.bottleneck.size, scale_of(experiment)
    return {"model": f"none: {states} values of z, their Gibbs encoder, and a Gaussian decoder of scale {scale:.4g}"}


def begin(
    experiment: Experiment,
    checkpoint: dict[str, Any] | None,
    options: PathOptions,
    data_at: Callable[[float], Data] | None = None,
) -> tuple[TrainedSurface | ExactSurface, float]:
    """The surface at the start of a path, or where the checkpoint of one left it; and the seconds spent so far.

    `data_at`: t → the data under p(x, t); None: the law stays. Raises as `start`, or as `ExactSurface`.
    """
    if options.surface == "trained":
        return start(experiment, checkpoint, options, data_at)
    clock = Clock()
    surface = ExactSurface(
        data_at or (lambda t: experiment.data),
        Place(experiment.multipliers["lambda"], experiment.multipliers["gamma"]),
        states=experiment.model.bottleneck.size,
        scale=scale_of(experiment),
        difference=options.difference,
        seed=experiment.settings.seed,
        transfer=data_at is not None,
        stop=experiment.stop,
        state=checkpoint,
    )
    return surface, clock.read()


def end(experiment: Experiment, surface: TrainedSurface | ExactSurface, finished: Finished) -> Finished:
    """The end of a path, with its model where there is one."""
    return trained(experiment, surface, finished) if isinstance(surface, TrainedSurface) else finished


def check_parameters(options: PathOptions, procedure: str) -> None:
    """Raises ValueError for a path without a trained model."""
    if options.surface == "exact":
        raise ValueError(
            f"procedure={procedure} with procedure.surface=exact trains no model: its θ is in checkpoint.pt"
        )


def scale_of(experiment: Experiment) -> float:
    """The scale of the decoder's Gaussian, by which λ means what it means in training; √½ for other likelihoods."""
    likelihood = getattr(experiment.model.decoder, "likelihood", None)
    if isinstance(likelihood, Likelihood) and likelihood.kind == "gaussian":
        return likelihood.scale
    return VARIANCE_HALF
