"""Gaussian priors q(θ) of weights: weight → mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.modules.conv import _ConvNd

from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.model.blocks.layers import Linear
from ib_cli.model.weights.posterior import Weight
from ib_cli.system.torch_files import read_torch

Prior = Callable[[Weight], tuple[Tensor, Tensor]]  # → mean and standard deviation: scalars, or of the weight's shape
RHO = "{}_rho"  # the name of the parameter whose softplus is a weight's standard deviation


def centred(scale: float | None) -> Prior:
    """N(0, scale²); for None N(0, 1/fan in) in each layer, which preserves the variance of the units."""

    def prior(weight: Weight) -> tuple[Tensor, Tensor]:
        return torch.tensor(0.0), torch.tensor(scale or 1 / math.sqrt(_fan_in(weight.owner)))

    return prior


def _fan_in(owner: nn.Module) -> int:
    """Number of inputs of each output of a layer; 1 for other modules."""
    match owner:
        case Linear():
            return owner.inputs
        case nn.Linear():
            return owner.in_features
        case _ConvNd():
            return owner.in_channels // owner.groups * math.prod(owner.kernel_size)
    return 1


def mixture(runs: Sequence[str]) -> Prior:
    """The mean of the posteriors that several runs learned (TherML eq. 21): their means and deviations, (runs, …)."""
    parts = [trained(run) for run in runs]

    def prior(weight: Weight) -> tuple[Tensor, Tensor]:
        means, deviations = zip(*(part(weight) for part in parts))
        return torch.stack(means), torch.stack(deviations)

    return prior


def trained(run: str) -> Prior:
    """The posterior that the run in this folder learned: the optimal prior, from related data (TherML §2.1).

    Raises ConfigError if no checkpoint can be read. The prior, when called, raises it for a weight it does not fit.
    """
    file = Path(run) / "checkpoint.pt"
    if not file.exists():
        raise ConfigError(f"weights.run={run}: no checkpoint.pt there; name the folder of a run with weights=gaussian")
    try:
        state, _ = read_torch(file, "cpu")
    except DamagedError as error:
        reason = str(error).partition("checkpoint.pt ")[2]
        raise ConfigError(f"weights.run={run}: its checkpoint.pt {reason}") from error
    params = state.get("averaged") or state.get("params", {})

    def prior(weight: Weight) -> tuple[Tensor, Tensor]:
        mean, rho = params.get(weight.path), params.get(RHO.format(weight.path))
        if mean is None or rho is None:
            raise ConfigError(f"weights.run={run}: that run has no Gaussian posterior of {weight.path}")
        if mean.shape != weight.value.shape:
            there, here = ("×".join(map(str, tensor.shape)) for tensor in (mean, weight.value))
            raise ConfigError(f"weights.run={run}: {weight.path} is {there} there and {here} here")
        return mean, softplus(rho)

    return prior
