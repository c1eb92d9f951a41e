"""Config → data, model, objective, procedure. With main.py the only user of Hydra and OmegaConf."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from ib_cli.config.catalogue import choices, multipliers
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.public_names import hashed_name, path_of, public_name, short_name
from ib_cli.config.schema import check
from ib_cli.config.settings import COSMETIC, Settings
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data
from ib_cli.engine.seeds import derived_seed
from ib_cli.experiment.estimates import Estimates
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.functionals.functional import Functional
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.layers import is_monte_carlo
from ib_cli.model.bottlenecks.bottleneck import Bottleneck
from ib_cli.model.model import Model
from ib_cli.model.weights.averaged_encoder import AveragedEncoder
from ib_cli.system.allocator import keep_freed_memory
from ib_cli.watch.observer import Observer

# The parts of a model beside architecture and bottleneck: the field of a Pass that each one makes.
PARTS = {
    "classifier": "label_density",
    "decoder": "decoder",
    "marginal": "marginal",
    "backward_encoder": "backward_encoder",
    "window": "earlier",
}
THREADS = torch.get_num_threads()  # what torch takes by itself
WORTH_SHARING, WORTH_SHARING_COMPILED = 5e7, 1e6  # multiplications of a step; compiled, threads meet less often
GROUPS = (
    "dataset", "architecture", "bottleneck", *PARTS, "weights", "optimizer", "schedule", "procedure", "estimators",
    "tracker",
)  # fmt: skip


def resolve(config: DictConfig) -> dict[str, Any]:
    """The config as plain containers: every interpolation in place, classes by their public names.

    Raises ConfigError naming a key that fails.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        hint = "this key needs a value" if isinstance(error, MissingMandatoryValue) else str(error).splitlines()[0]
        raise ConfigError(f"{error.full_key}: {hint}") from None
    plain.pop("sweep", None)
    for group in GROUPS:
        node = plain.get(group)
        if isinstance(node, dict) and isinstance(node.get("_target_"), str):
            node["_target_"] = public_name(group, node["_target_"])
    return plain


def run_id(config: Mapping[str, Any], fingerprint: str) -> str:
    """A hash of everything in the resolved config that can change the run's numbers, and of the data's fingerprint."""
    rest = deepcopy(dict(config))
    for key in COSMETIC:
        *groups, name = key.split(".")
        node = rest
        for group in groups:
            node = node[group]
        node.pop(name, None)
    for group in GROUPS:
        if isinstance(rest.get(group), Mapping) and isinstance(rest[group].get("_target_"), str):
            rest[group] = {**rest[group], "_target_": hashed_name(group, rest[group]["_target_"])}
    return sha256((json.dumps(_canonical(rest), sort_keys=True) + fingerprint).encode()).hexdigest()[:10]


def _canonical(value: Any) -> Any:
    """The same for 1 and 1.0."""
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run_folder(config: Mapping[str, Any], fingerprint: str) -> Path:
    """output/study/id."""
    return Path(config["output"]) / str(config["name"]) / run_id(config, fingerprint)


def validate(config: Mapping[str, Any]) -> Settings:
    """Hold every key of a resolved config against what takes it, before anything is built or written.

    Raises ConfigError, one line naming the key and what would be right.
    """
    missing = [group for group in (*GROUPS, "objective") if group not in config]
    if missing:
        raise ConfigError(
            f"{missing[0]}: this group was removed; choose one of its options, as ib-train --help lists them"
        )
    objective = Objective(_objective_node(config)["minimise"])
    rest = {key: value for key, value in config.items() if key not in (*GROUPS, "objective")}
    given = {key: rest.pop(key) for key in MULTIPLIERS if key in rest}
    for name in objective.multipliers:
        if name not in given:
            raise ConfigError(f"{name}: objective={config['objective']['name']} uses this multiplier; give it a value")
    for name, value in given.items():
        if name not in (*objective.multipliers, *own_multipliers(config["objective"]["name"])):
            has = ", ".join(objective.multipliers) or "none"
            raise ConfigError(f"{name} is no multiplier of objective={config['objective']['name']}, which has: {has}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{name}={value}: a multiplier is a number ≥ 0, such as {name}=1e-2")
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{name}={value}: a multiplier must be finite and not negative")
    if not any(term.weight(given) for term in objective.terms):
        zeros = "=".join(objective.multipliers)
        raise ConfigError(f"{zeros}=0: every weight of the objective is 0, so there is nothing to minimise")
    check("", Settings, rest)
    for group in GROUPS:
        target_of(group, config[group])
    return Settings(**rest)


def own_multipliers(objective: str) -> list[str]:
    """The multipliers in the file of one of our objectives, whether its terms still use them or not."""
    return multipliers(objective) if objective in choices("objective") else []


def _objective_node(config: Mapping[str, Any]) -> Mapping[str, Any]:
    node = config.get("objective")
    if not isinstance(node, Mapping) or not isinstance(node.get("minimise"), Mapping):
        raise ConfigError("objective.minimise must map functionals to weights, as in {C: 1, R: gamma}")
    return node


def target_of(group: str, node: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The class or function of a config node, and its keys, checked."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise ConfigError(f"{group}={node}: choose one of the group's options, as ib-train --help lists them")
    keys = {key: value for key, value in node.items() if key != "_target_"}
    try:
        target = get_object(path_of(group, node["_target_"]))
    except (HydraException, ImportError, ValueError, AttributeError) as error:
        reason = str(error.__cause__ or error).splitlines()[-1]
        raise ConfigError(
            f"{group}._target_={node['_target_']}: cannot be imported ({reason}); is its folder on PYTHONPATH?"
        ) from None
    check(group, target, keys)
    return target, keys


def construct(group: str, node: Mapping[str, Any], *arguments: Any) -> Any:
    """What a config node describes: its target called with these arguments and the node's keys."""
    target, keys = target_of(group, node)
    return target(*arguments, **keys)


def pick_device(wanted: str) -> torch.device:
    """auto: CUDA where there is one, else the CPU. Raises ConfigError for cuda without one."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: torch sees no CUDA device here; use device=cpu or device=auto")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def set_threads(settings: Settings, model: Model, runs: int = 1, most: int | None = None) -> None:
    """CPU threads of this process: as asked for, else one where a step of so many runs is too small to share,
    and `most` at most.

    Threads that meet after every small matrix product lose more than they gain, and a hundredfold where another
    process holds a core.
    """
    multiplications = runs * settings.batch_size * sum(p.numel() for p in model.parameters())  # about
    worth_sharing = multiplications >= (WORTH_SHARING_COMPILED if settings.compile else WORTH_SHARING)
    torch.set_num_threads(settings.threads or (min(THREADS, most or THREADS) if worth_sharing else 1))


def build_model(config: Mapping[str, Any], data: Data, objective: Objective, seed: int) -> Model:
    """The model with the parts that the objective's functionals need, initialised from the seed alone.

    Raises ConfigError for parts that do not go together.
    """
    spec, needs, required = data.spec, objective.needs, objective.required(config)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(derived_seed(seed, "initialisation"))
        architecture = construct("architecture", config["architecture"], spec.input_shape)
        bottleneck = construct("bottleneck", config["bottleneck"], architecture.features)
        has_density = bottleneck.stochastic and not is_monte_carlo(architecture)  # q(z|x), one that is known
        _check_monte_carlo(config, architecture, bottleneck)
        _check_functionals(config, objective.weighted(config), bottleneck, has_density, spec)
        if not has_density:
            needs -= {"marginal", "backward_encoder", "averaged_encoder"}  # which its density is held against
        size = bottleneck.size
        parts = {part: construct(part, config[part], size, spec) for part, field in PARTS.items() if field in needs}
        if "averaged_encoder" in needs:
            parts["averaged_encoder"] = AveragedEncoder(architecture, bottleneck)
    model = Model(architecture, bottleneck, **parts, train_size=spec.train_size, classes=spec.classes)
    model.weights = construct("weights", config["weights"], model)
    procedure, _ = target_of("procedure", config["procedure"])
    drawn = model.weights is not None or getattr(procedure, "samples_weights", False)
    if not drawn and "weights_divergence" in required:
        raise ConfigError(
            "weights=point: this objective measures the entropy S of the weights, which numbers do not have: choose "
            "weights=gaussian or weights=lognormal"
        )
    _check_batch_norm(config, model, spec.train_size)
    _check_marginal(model)
    _check_discrete(config, model, spec)
    return model


def _check_functionals(
    config: Mapping[str, Any], functionals: Sequence[Functional], bottleneck: Bottleneck, has_density: bool, spec: Spec
) -> None:
    """Raises ConfigError for a functional of the objective that this z, these labels or these batches do not have."""
    chosen = f"bottleneck={short_name('bottleneck', config['bottleneck']['_target_'])}"
    for each in functionals:
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
            raise ConfigError(
                "architecture.monte_carlo=true: this objective measures a rate, but a z drawn by dropout has no "
                "density that is known: choose architecture.monte_carlo=false"
            )
        if "encoder" in each.needs and not has_density:
            raise ConfigError(
                f"{chosen}: this objective measures a rate, which needs a bottleneck with noise of known density, such "
                "as bottleneck=gaussian"
            )
        if "classes" in each.needs and spec.classes is None:
            raise ConfigError(
                f"objective={config['objective']['name']} has {each.symbol}, which is of labels, but y is continuous: "
                "choose an objective without it, such as vib"
            )
        if each.of_sums and min(config["batch_size"], spec.train_size) < 2:
            raise ConfigError(
                f"batch_size={config['batch_size']}: this objective has {each.symbol}, which is of a batch as a whole "
                "and needs at least 2 samples in it"
            )


def _check_monte_carlo(config: Mapping[str, Any], architecture: torch.nn.Module, bottleneck: Bottleneck) -> None:
    """Raises ConfigError for Monte-Carlo dropout that would drop nothing, and for one below a discrete z."""
    if not config["architecture"].get("monte_carlo"):
        return
    if not is_monte_carlo(architecture):
        rates = " or ".join(f"architecture.{key}" for key in config["architecture"] if "dropout" in key)
        raise ConfigError(f"architecture.monte_carlo=true: nothing is dropped; set {rates} above 0")
    if bottleneck.discrete:
        raise ConfigError(
            "architecture.monte_carlo=true: a discrete z is not drawn, so it has no masks of its own: choose "
            "architecture.monte_carlo=false"
        )


def _check_discrete(config: Mapping[str, Any], model: Model, spec: Spec) -> None:
    """Raises ConfigError where a part is made for unit vectors and does not get them, or the other way round."""
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
                f"{group}={short_name(group, config[group]['_target_'])} is made for {wanted} z, and this bottleneck's is {found}: choose "
                "what goes with it; bottleneck=categorical has a discrete z, and architecture=therml_toy chooses all "
                "parts for one"
            )


def _check_marginal(model: Model) -> None:
    """Raises ConfigError for a prior of z that would be drawn together with the encoder's weights."""
    drawn = () if model.weights is None else {weight.path.partition(".")[0] for weight in model.weights.weights}
    if model.marginal is not None and model.marginal.uses_encoder and {"architecture", "bottleneck"} & set(drawn):
        raise ConfigError(
            "marginal=vampprior is made of the encoder, whose weights this run draws, and m(z) must not depend on "
            "them: choose another marginal"
        )


def _check_batch_norm(config: Mapping[str, Any], model: Model, train_size: int) -> None:
    """Raises ConfigError where batch normalisation would fail or mislead."""
    if not any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return
    if min(config["batch_size"], train_size) < 2:
        raise ConfigError("batch_size: batch normalisation needs at least 2 samples a batch")
    if model.marginal is not None and model.marginal.uses_encoder:
        raise ConfigError(
            "marginal=vampprior sends its pseudo-inputs through the encoder, where they would spoil the running "
            "statistics of batch normalisation: choose an architecture without it, as mlp with "
            "architecture.batch_norm=false"
        )


def _estimates(node: Mapping[str, Any], data: Data) -> Estimates:
    """Raises ConfigError for a split that the data do not have."""
    estimates = construct("estimators", node)
    if estimates.use and estimates.split not in data.splits:
        raise ConfigError(
            f"estimators.split={estimates.split}: the data have {', '.join(data.splits)}; "
            "dataset.validation_size makes a validation split"
        )
    return estimates


def _check_compiler(settings: Settings, device: torch.device) -> None:
    """Raises ConfigError where torch.compile would have nothing to compile with."""
    wanted = os.environ.get("CXX", "g++")
    if settings.compile and device.type == "cpu" and shutil.which(wanted) is None:
        raise ConfigError(f"compile={settings.compile}: needs a C++ compiler on this machine, and there is no {wanted}")


def load_data(node: Mapping[str, Any], device: torch.device) -> Data:
    """The data of a dataset's config node, on the device."""
    return construct("dataset", node).load(device)


def build(
    config: Mapping[str, Any],
    records: Records,
    observers: tuple[Observer, ...] = (),
    load: Callable[[Mapping[str, Any], torch.device], Data] = load_data,
) -> Experiment:
    """Everything that a run of a resolved config needs, on its device. Raises ConfigError for what does not fit."""
    settings = validate(config)
    device = pick_device(settings.device)
    _check_compiler(settings, device)
    objective = Objective(config["objective"]["minimise"])
    data = load(config["dataset"], device)
    optimizer, keys = target_of("optimizer", config["optimizer"])
    try:
        model = build_model(config, data, objective, settings.seed).to(device)
    except RuntimeError as error:  # of torch: a network that no memory holds
        raise ConfigError(f"architecture: this model cannot be made ({str(error).splitlines()[0]})") from error
    model = model.to(memory_format=torch.channels_last)  # of convolutions' weights: the order that is fast
    if device.type == "cpu":
        keep_freed_memory()
        set_threads(settings, model)
    return Experiment(
        settings=settings,
        data=data,
        model=model,
        objective=objective,
        multipliers={name: float(config[name]) for name in objective.multipliers},
        optimizer=partial(optimizer, **keys),
        schedule=construct("schedule", config["schedule"]),
        estimates=_estimates(config["estimators"], data),
        records=records,
        observers=observers,
        device=device,
    )
