"""Which noise layers go with the rest of a run: each check raises ConfigError where they do not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from ib_cli.config.public_names import short_name
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.input_noise import InputNoise, WithInputNoise
from ib_cli.model.bottlenecks.bottleneck import Bottleneck
from ib_cli.model.model import Model
from ib_cli.model.noise.layer import NoiseLayer
from ib_cli.model.noise.none import NoNoise
from ib_cli.model.noise.priors import LogUniform
from ib_cli.run.target import Target


def with_noise(config: Mapping[str, Any], targets: Mapping[str, Target], spec: Spec) -> nn.Module:
    """The architecture with its layers of noise. A person's own class that takes the input shape alone has none.

    Raises ConfigError for noise where the architecture has no place for it, or drops units as well.
    """
    noise, of_input, target = targets["noise"](), targets["input_noise"](), targets["architecture"]
    shape = spec.input_shape if of_input is None else of_input.shape(spec.input_shape)
    with_places = not isinstance(noise, NoNoise) and _takes_noise(target)
    architecture = target(shape, noise) if with_places else target(shape)
    if of_input is not None:
        architecture = WithInputNoise(of_input, architecture)
    if isinstance(noise, NoNoise):
        return architecture
    chosen, node = _chosen(config), config["architecture"]
    if not any(isinstance(module, NoiseLayer) for module in architecture.modules()):
        name = short_name("architecture", node["_target_"])
        raise ConfigError(
            f"{chosen}: architecture={name} has no place for noise: choose noise=none, or one of mlp (with a layer), "
            "cnn, all_cnn, resnet18"
        )
    rates = [key for key in node if key.startswith("dropout") and node[key]]
    if rates:
        told = " and ".join(f"architecture.{key}={node[key]:g}" for key in rates)
        zeros = " ".join(f"architecture.{key}=0" for key in rates)
        raise ConfigError(f"{chosen}: {told} would be a second noise at the same places: set {zeros}")
    return architecture


def check_drawn(config: Mapping[str, Any], architecture: nn.Module, bottleneck: Bottleneck, spec: Spec) -> None:
    """Raises ConfigError for noise below a discrete z, noise of inputs that are unit vectors, or that nothing reads."""
    if any(isinstance(module, InputNoise) for module in architecture.modules()):
        chosen = f"input_noise={short_name('input_noise', config['input_noise']['_target_'])}"
        told = "choose input_noise=none"
        if bottleneck.discrete:
            raise ConfigError(f"{chosen}: a discrete z is not drawn, so its input has no noise: {told}")
        if spec.one_hot:
            raise ConfigError(f"{chosen}: x is a unit vector, which noise would make another thing of: {told}")
        if not getattr(bottleneck, "encodes", True):
            raise ConfigError(f"{chosen}: bottleneck=prior has no encoder: {told}")
    if bottleneck.discrete and any(isinstance(module, NoiseLayer) for module in architecture.modules()):
        raise ConfigError(
            f"{_chosen(config)}: a discrete z is not drawn, so it has no noise of its own: choose noise=none"
        )


def check_noise(config: Mapping[str, Any], objective: Objective, model: Model) -> None:
    """Raises ConfigError for an objective that these layers of noise, or none, do not suit."""
    terms = [term.symbol for term in objective.terms if term.weight(config) != 0 and _is_kl(term.functional.needs)]
    if not terms:
        return
    if not model.noise_weights:
        raise ConfigError(
            f"{_chosen(config)}: this objective has {terms[0]}, a divergence from a prior, which this noise lacks: "
            "choose noise=information"
        )
    improper = any(isinstance(module, LogUniform) for module in model.modules())
    if improper and "decoder" in objective.required(config):
        raise ConfigError(
            f"noise.prior={config['noise']['prior']}: a ReLU's log-uniform prior is no density, so D + {terms[0]} "
            "bounds nothing: choose architecture.activation=softplus"
        )


def _takes_noise(target: Target) -> bool:
    """Whether the class or function has a second positional parameter."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in kinds for each in inspect.signature(target.callable).parameters.values()) > 1


def _is_kl(needs: frozenset[str]) -> bool:
    return "noise_divergence" in needs


def _chosen(config: Mapping[str, Any]) -> str:
    return f"noise={short_name('noise', config['noise']['_target_'])}"
