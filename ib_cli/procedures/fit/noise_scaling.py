"""Training while the entropy of the latent is scaled down, epoch by epoch (Unpacking Information Bottlenecks, §7.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Batch
from ib_cli.engine.loss import LossFunction, Tensors, make_loss
from ib_cli.engine.portions import Portions
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.fit.fit import complete
from ib_cli.procedures.fit.latent_scaling import LatentScaling, classifier_path, encoder_path, latent_moments
from ib_cli.procedures.fit.progress import Progress

TARGET = "H_target[Z_hat]"
SMALLEST, LARGEST = 101.0, 87.0  # float32 holds deviations of −101 to 87 nats a dimension, small ones rounded


class NoiseScaling(Procedure):
    """`Fit`, with the latent normalised and scaled to a given entropy before the first and after every epoch.

    Ẑ is the latent without its noise. Each of its dimensions gets mean 0 and the same variance s² over the train split.
    The entropy of Gaussians with these variances, Σ_k ½ ln(2πe Var Ẑ_k) = (K/2) ln(2πe s²) ≥ H[Ẑ], is the target:
    `start` nats before and after the first epoch, then equal steps to `end` after the last. The classifier is
    counter-scaled, so that without noise the network computes the same function.

    The optimiser does not see the scale: it minimises θ ↦ J(T θ), with T the change of scale and θ as if nothing were
    scaled. Adam's steps have the size of the learning rate, however small the weights are: they would scatter weights
    that are scaled down, and this would not be an effect of the entropy. So without noise the scale matters through
    floating-point errors alone, and with noise through the ratio of signal to noise alone.

    Records, evaluations, estimates and the final parameters belong to the scaled network; records of train have the
    target as `H_target[Z_hat]`. Checkpoints on the way hold θ, and T as two buffers.
    `run` raises RunFailedError where a dimension of Ẑ does not vary.
    """

    name = "noise_scaling"

    def __init__(self, *, start: float, end: float) -> None:
        self.start, self.end = start, end

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the latent cannot be scaled, or the scaling not be undone."""
        if experiment.model.weights is not None:
            raise ConfigError("weights: procedure=noise_scaling scales weights that are numbers: choose weights=point")
        if experiment.settings.averaging:
            raise ConfigError(
                f"averaging={experiment.settings.averaging:g}: procedure=noise_scaling scales the parameters that it "
                "trains, not averages of them: choose averaging=0"
            )
        encoder_path(experiment.model)
        classifier_path(experiment.model)
        K = experiment.model.bottleneck.size
        low, high = math.ceil(-SMALLEST * K), math.floor(LARGEST * K)
        for key, nats in (("start", self.start), ("end", self.end)):
            if not low <= nats <= high:
                raise ConfigError(
                    f"procedure.{key}={nats:g}: float32 has numbers for entropies from {low:,} to {high:,} nats of a "
                    f"latent of {K} dimensions"
                )

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train to the end."""
        settings = experiment.settings
        progress = _ScaledProgress(experiment, checkpoint, self.start, self.end)
        loss = make_loss(experiment.model, experiment.objective, settings.samples, settings.precision)
        return complete(progress, progress.scaled(loss))

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The scaled parameters."""
        return LatentScaling(deepcopy(experiment.model))(checkpoint["params"], checkpoint["buffers"])


class _ScaledProgress(Progress):
    """A run whose parameters are scaled."""

    def __init__(self, experiment: Experiment, checkpoint: dict[str, Any] | None, start: float, end: float) -> None:
        self.scaling = LatentScaling(experiment.model)  # before the state, which includes its buffers
        self._portions = Portions(experiment.settings.eval_batch_size)
        super().__init__(experiment, checkpoint, None, "J")
        self.start, self.end = start, end
        if checkpoint is None:
            self._scale()

    @property
    def params(self) -> Tensors:
        """The scaled parameters."""
        with torch.no_grad():
            return self.scaling(self.state.params, self.state.buffers)

    @property
    def target(self) -> float:
        """The target in nats at the end of the epoch that was trained last; `start` before the first."""
        done = max(self.state.epoch - 1, 0) / max(self.experiment.settings.epochs - 1, 1)
        return self.start + (self.end - self.start) * done

    def scaled(self, loss: LossFunction) -> LossFunction:
        """The loss of the scaled parameters, as a function of θ."""

        def of_scaled(
            params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...], multipliers: Tensors
        ) -> tuple[Tensor, dict[str, Tensor]]:
            return loss(self.scaling(params, buffers), buffers, batch, noise, multipliers)

        return of_scaled

    def trained(self, averages: Mapping[str, float]) -> None:
        """Record the averages of an epoch, and scale the latent anew."""
        super().trained(averages)
        self._scale()

    def save(self, seconds: float) -> None:
        """Replace the checkpoint; the last one holds the scaled parameters."""
        if self.over:
            self.scaling.settle(self.state.params)
        super().save(seconds)

    def _scale(self) -> None:
        """Scale Ẑ to the target, by its moments under the present θ."""
        state, device = self.state, self.experiment.device
        noise = generator(device, self.experiment.settings.seed, "scaling", state.epoch)
        mean, variance = latent_moments(self.experiment, state.params, state.buffers, noise, self._portions)
        self.scaling.fit(mean, variance, self.target)

    def _record(self, split: str, measures: Mapping[str, float]) -> None:
        super()._record(split, {**measures, TARGET: self.target} if split == "train" else measures)
