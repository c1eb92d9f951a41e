"""Iso-classification by the equilibrium dynamics of θ itself: Lemma 5 in place of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt
from torch import Tensor

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.free_energy.dynamics_surface import DynamicsSurface
from ib_cli.procedures.free_energy.exact_laws import unsolvable
from ib_cli.procedures.free_energy.gibbs_model import GibbsModel, check_parts
from ib_cli.procedures.free_energy.iso_classification import IsoController
from ib_cli.procedures.free_energy.path import Path
from ib_cli.procedures.free_energy.preconditions import Positive, start_place

MOST = 20_000_000  # numbers of d(x|z) for all x and z, 160 MB


class EquilibriumDynamics(Procedure):
    """Brings a small model with a categorical z to the equilibrium surface, then moves θ by λ̇ θ_λ + γ̇ θ_γ (20).

    λ̇ = −α C_γ and γ̇ = α C_λ (22), with C_λ and C_γ of (21), keep C constant. θ_λ and θ_γ of Lemma 5 come from
    Hessian-vector products and conjugate gradients (`lemmas.motion`); nothing is trained on the way. The encoder is the
    Gibbs law (9), so that the model's own encoder is not used. All is in float64, over the whole train split at once.
    """

    name = "equilibrium_dynamics"

    def __init__(
        self,
        *,
        steps: Count,
        alpha: float,
        length: Positive | None,
        corrections: Annotated[int, Ge(0)],
        damping: Annotated[float, Ge(0), Lt(1)],
        tolerance: Annotated[float, Gt(0)],
    ) -> None:
        self.steps, self.alpha, self.length = steps, alpha, length
        self.corrections, self.damping, self.tolerance = corrections, damping, tolerance

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError for another objective than R + λ D + γ C, a z that is not discrete, and large data."""
        start_place(experiment, self.name)
        check_parts(experiment.model, self.name)
        if experiment.settings.precision != "fp32":
            given = experiment.settings.precision
            raise ConfigError(f"precision={given}: procedure={self.name} computes in float64: leave it out")
        if self.alpha == 0 or not math.isfinite(self.alpha):
            raise ConfigError(f"procedure.alpha={self.alpha:g}: no step leads anywhere: choose a number such as 1")
        if wrong := unsolvable(experiment.data):
            raise ConfigError(f"procedure={self.name}: {wrong}")
        data, states = experiment.data, experiment.model.bottleneck.size
        size = sum(map(len, data.splits.values())) * math.prod(data.spec.input_shape) * states
        if size > MOST:
            raise ConfigError(
                f"procedure={self.name} holds d(x|z) of all x and z at once, here {size:,} numbers of {MOST:,}: set "
                "dataset.train_size and dataset.test_size, or a smaller bottleneck.size"
            )

    def facts(self, experiment: Experiment) -> Mapping[str, str]:
        """The parameters beside the encoder."""
        model = GibbsModel(experiment.model, experiment.data.spec.input_shape)
        return {"model": f"m(z), d(x|z), c(y|z) of {len(model.start):,} parameters; the encoder is their Gibbs law"}

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Go down to the surface, then follow the dynamics.

        Raises as `DynamicsSurface.equilibrate` and `Path.follow`.
        """
        surface = DynamicsSurface(
            GibbsModel(experiment.model, experiment.data.spec.input_shape),
            lambda t: experiment.data,
            start_place(experiment, self.name),
            damping=self.damping,
            corrections=self.corrections,
            stop=experiment.stop,
        )
        if checkpoint is None:
            surface.equilibrate()
        else:
            surface.restore(checkpoint)
        controller = IsoController(self.steps, self.alpha, self.length)
        remedy = "lower procedure.alpha" if self.length is None else "lower procedure.length"
        return Path(experiment, surface, controller, self.tolerance, remedy, checkpoint).follow()

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """Raises ValueError: the model's encoder is not trained."""
        raise ValueError(f"procedure={self.name} trains no encoder: its θ is in checkpoint.pt")
