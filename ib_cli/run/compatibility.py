"""Which parts of a model, data and objectives go together: each check raises ConfigError where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ib_cli.config.public_names import short_name
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.functionals.functional import Functional
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.layers import Dropout
from ib_cli.model.bottlenecks.bottleneck import Bottleneck
from ib_cli.model.model import Model
from ib_cli.run.validation import PARTS


def single_batch(config: Mapping[str, Any], train_size: int) -> str:
    """Why no batch has more than one sample, '' where they have."""
    if train_size < 2:
        return "dataset.train_size: there is 1 training sample"
    return f"batch_size={config['batch_size']}" if config["batch_size"] < 2 else ""


def check_functionals(
    config: Mapping[str, Any], functionals: Sequence[Functional], bottleneck: Bottleneck, has_density: bool, spec: Spec
) -> None:
    """Raises ConfigError for a functional that is not defined for this z, these labels or this batch size."""
    chosen = f"bottleneck={short_name('bottleneck', config['bottleneck']['_target_'])}"
    for each in functionals:
        if each.needs & {"loss_z", "loss_x"}:
            raise ConfigError(
                f"objective.minimise.{each.symbol}: a critic minimises this itself, apart from J: leave it out, and "
                "give B or D_x a weight"
            )
        if "z_weight" in each.needs and not bottleneck.discrete:
            raise ConfigError(
                f"{chosen}: this objective has {each.symbol}, which is measured for a discrete z only: choose "
                "bottleneck=categorical"
            )
        if each.continuous and bottleneck.discrete:
            raise ConfigError(
                f"{chosen}: this objective has {each.symbol}, which a discrete z does not have: choose a continuous "
                "one, such as bottleneck=zero_entropy_noise"
            )
        if "encoder" in each.needs and bottleneck.stochastic and not has_density:
            noise = short_name("noise", config["noise"]["_target_"])
            drawn, cause, remedy = ("noise within the network", f"noise={noise}", "noise=none")
            of_input = short_name("input_noise", config["input_noise"]["_target_"])
            if of_input != "none":
                drawn, cause, remedy = "noise of the input", f"input_noise={of_input}", "input_noise=none"
            elif noise == "none":
                cause, drawn, remedy = "architecture.monte_carlo=true", "dropout", "architecture.monte_carlo=false"
            raise ConfigError(
                f"{cause}: this objective has {each.symbol}, but a z drawn by {drawn} has no density that is known: "
                f"choose {remedy}"
            )
        if "encoder" in each.needs and not has_density:
            raise ConfigError(
                f"{chosen}: this objective has {each.symbol}, which needs a bottleneck with noise of known density, "
                "such as bottleneck=gaussian"
            )
        if not getattr(bottleneck, "encodes", True) and not each.needs <= {"decoder", "judged_x"}:
            raise ConfigError(
                f"{chosen}: z is drawn without x, so {each.symbol} says nothing here: choose an objective of D_x and "
                "D, such as gan, or another bottleneck"
            )
        if "classes" in each.needs and spec.classes is None:
            raise ConfigError(
                f"objective={config['objective']['name']} has {each.symbol}, which is of labels, but y is continuous: "
                "choose an objective without it, such as vib"
            )
        whole = each.of_sums is not None or "mmd_z" in each.needs
        if whole and (single := single_batch(config, spec.train_size)):
            raise ConfigError(
                f"{single}: this objective has {each.symbol}, which is of a batch as a whole and needs at least 2 "
                "samples in it"
            )


def check_monte_carlo(config: Mapping[str, Any], architecture: torch.nn.Module, bottleneck: Bottleneck) -> None:
    """Raises ConfigError for Monte-Carlo dropout that would drop nothing, or with a discrete z."""
    if not config["architecture"].get("monte_carlo"):
        return
    if not any(isinstance(layer, Dropout) and layer.monte_carlo for layer in architecture.modules()):
        rates = " or ".join(f"architecture.{key}" for key in config["architecture"] if "dropout" in key)
        raise ConfigError(f"architecture.monte_carlo=true: nothing is dropped; set {rates} above 0")
    if bottleneck.discrete:
        raise ConfigError(
            "architecture.monte_carlo=true: a discrete z is not drawn, so it has no masks of its own: choose "
            "architecture.monte_carlo=false"
        )


def check_discrete(config: Mapping[str, Any], model: Model, spec: Spec) -> None:
    """Raises ConfigError where a part is made for unit vectors and gets other values, or the other way round."""
    if getattr(model.architecture, "one_hot", False) and not spec.one_hot:
        raise ConfigError("architecture=therml_toy needs a discrete x: choose dataset=therml_toy or dataset=table")
    discrete = model.bottleneck.discrete
    for group in ("marginal", "backward_encoder", "classifier", "decoder"):
        part = getattr(model, group)
        made_for = getattr(part, "discrete", False)
        is_density = group in ("marginal", "backward_encoder")  # networks take any z, unless they say otherwise
        if part is not None and made_for != discrete and (made_for or is_density):
            wanted, found = ("a discrete", "continuous") if made_for else ("a continuous", "discrete")
            raise ConfigError(
                f"{group}={short_name(group, config[group]['_target_'])} is made for {wanted} z, and this bottleneck's "
                f"is {found}: choose what goes with it; bottleneck=categorical has a discrete z, and "
                "architecture=therml_toy chooses all parts for one"
            )


def check_trained(config: Mapping[str, Any], objective: Objective, model: Model) -> None:
    """Raises ConfigError for a part that is measured and that no term of the objective, whatever its weight, trains."""
    read = frozenset[str]().union(*(term.functional.reads for term in objective.terms))
    for part, field in PARTS.items():
        if field not in read and _has_parameters(model, part):
            advice = "choose classifier=optimal, which has nothing to train, or give C a weight"
            raise ConfigError(
                f"{part}={short_name(part, config[part]['_target_'])}: objective={config['objective']['name']} trains "
                f"no {part}, so what is measured with it would be that of its initial parameters: "
                f"{advice if part == 'classifier' else 'give a term of it a weight'}"
            )


def untrained(model: Model, objective: Objective, multipliers: Mapping[str, float]) -> dict[str, list[str]]:
    """Parts that no term with a weight trains → the terms that are measured with them."""
    read = frozenset[str]().union(*(each.reads for each in objective.weighted(multipliers)))
    found: dict[str, list[str]] = {}
    for part, field in PARTS.items():
        if field not in read and _has_parameters(model, part):
            found[part] = [term.symbol for term in objective.terms if field in term.functional.reads]
    return found


def _has_parameters(model: Model, part: str) -> bool:
    module = getattr(model, part)
    return module is not None and any(True for _ in module.parameters())


def check_marginal(config: Mapping[str, Any], model: Model, required: frozenset[str]) -> None:
    """Raises ConfigError for an m(z) that cannot give what is asked of it: a density, draws, or encodings.

    `required`: the fields that J needs.
    """
    if (marginal := model.marginal) is None:
        return
    chosen = f"marginal={short_name('marginal', config['marginal']['_target_'])}"
    if "marginal" in required and not marginal.rated:
        why = "R is infinite, as a Gaussian q(z|x) goes beyond it" if marginal.bounded else "has no density, as R needs"
        raise ConfigError(
            f"{chosen}: {why}: choose an objective with B or MMD in place of R, such as aae, or another marginal, such "
            "as standard_normal"
        )
    if (model.draws_prior or not model.encodes) and not marginal.drawable:
        raise ConfigError(
            f"{chosen}: critics and MMD need draws of it, and its class has no draw(count, tape, encode): choose "
            "another, such as standard_normal"
        )
    if marginal.uses_encoder:
        _check_made_of_encoder(chosen, model)


def _check_made_of_encoder(chosen: str, model: Model) -> None:
    """Raises ConfigError for an m(z) made of encodings, where these have no density or their weights are drawn."""
    if not model.bottleneck.stochastic or model.monte_carlo:
        raise ConfigError(
            f"{chosen} is made of densities q(z|x), which this model does not have: choose bottleneck=gaussian without "
            "noise in the network, or another marginal"
        )
    drawn = () if model.weights is None else {weight.path.partition(".")[0] for weight in model.weights.weights}
    if {"architecture", "bottleneck"} & set(drawn):
        raise ConfigError(
            f"{chosen} is made of the encoder, whose weights this run draws, and m(z) must not depend on them: choose "
            "another marginal"
        )


def check_batch_norm(config: Mapping[str, Any], model: Model, train_size: int) -> None:
    """Raises ConfigError where batch normalisation would fail or mislead."""
    if not any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return
    if single := single_batch(config, train_size):
        raise ConfigError(f"{single}: batch normalisation needs at least 2 samples a batch")
    if model.marginal is not None and model.marginal.uses_encoder:
        raise ConfigError(
            "marginal=vampprior sends its pseudo-inputs through the encoder, where they would spoil the running "
            "statistics of batch normalisation: choose an architecture without it, as mlp with "
            "architecture.batch_norm=false"
        )
