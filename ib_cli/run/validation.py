"""Checks a resolved config against all that takes its keys, before anything is built or written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from ib_cli.config.catalogue import choices, multipliers
from ib_cli.config.environment import check_names, told_by_name
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.public_names import public_name
from ib_cli.config.schema import check
from ib_cli.config.settings import LATER, Settings
from ib_cli.config.trust import check_path, is_ours, packages, targets
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.functionals.functional import Functional
from ib_cli.functionals.objective import Objective
from ib_cli.run.measured import completed
from ib_cli.run.target import Target, imported, target_of
from ib_cli.run.tracker import tracker_of, with_public_names
from ib_cli.system.secrets import without_secrets

# The parts of a model besides architecture and bottleneck, each with the field of a Pass that it makes.
PARTS = {
    "classifier": "label_density",
    "decoder": "decoder",
    "marginal": "marginal",
    "backward_encoder": "backward_encoder",
    "window": "earlier",
    "mmd": "mmd_z",
    "critic_z": "judged_z",
    "critic_x": "judged_x",
}
# The keys of an objective; those of the second line are what it prefers for other parts, whose YAMLs read them.
OF_OBJECTIVE = (
    "name", "minimise", "functionals",
    "activation", "added", "entropy_model", "learned", "noise_layers", "offset", "parts", "pseudo_inputs_start",
    "revive", "standardise",
)  # fmt: skip
DRAWN = frozenset({"prior_z", "judged_x"})  # fields made with draws of m(z), or that may be
GROUPS = (
    "dataset", "input_noise", "noise", "architecture", "bottleneck", *PARTS, "weights", "optimizer", "schedule",
    "procedure", "estimators", "noise_measures", "tracker",
)  # fmt: skip

LARGEST = (2 - 2**-23) * 2.0**127  # of the numbers of float32


@dataclass(frozen=True)
class ValidConfig:
    """A config whose keys have all been checked."""

    config: Mapping[str, Any]  # resolved, as plain containers
    settings: Settings
    objective: Objective
    targets: Mapping[str, Target]  # by group


def resolve(config: DictConfig) -> dict[str, Any]:
    """The config as plain containers: interpolations resolved, classes by their public names.

    A config that measures a finished run has the data set of that run. Raises ConfigError naming a key that fails.
    """
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        raw: Any = OmegaConf.to_container(config, resolve=False)
    except OmegaConfBaseException as error:
        hint = "this key needs a value" if isinstance(error, MissingMandatoryValue) else str(error).splitlines()[0]
        raise ConfigError(f"{error.full_key}: {hint}") from None
    check_names(raw)
    plain.pop("sweep", None)
    for group in GROUPS:
        node = plain.get(group)
        if isinstance(node, dict) and isinstance(node.get("_target_"), str):
            node["_target_"] = public_name(group, node["_target_"])
    plain["tracker"] = with_public_names(plain.get("tracker"))
    without_secrets(plain)  # remembers them, to keep them out of messages, too
    return completed(told_by_name(plain, raw))


def validate(config: Mapping[str, Any]) -> ValidConfig:
    """Check every key of a resolved config against the class or function that takes it.

    Raises ConfigError, one line naming the key and what would be right.
    """
    config = {**LATER, **config}
    missing = [group for group in (*GROUPS, "objective") if group not in config]
    if missing:
        raise ConfigError(
            f"{missing[0]}: this group was removed; choose one of its options, as ib-train --help lists them"
        )
    trust = packages(config.get("trust") or ())
    _check_inner_targets(config, trust)
    node = _objective_node(config)
    objective = Objective(node["minimise"], _own_functionals(node, trust))
    rest = {key: value for key, value in config.items() if key not in (*GROUPS, "objective")}
    given = {key: rest.pop(key) for key in MULTIPLIERS if key in rest}
    _check_multipliers(config, objective, given)
    check("", Settings, rest)
    found = {group: target_of(group, config[group], trust=trust) for group in GROUPS if group != "tracker"}
    found["tracker"] = tracker_of(config["tracker"], trust)
    return ValidConfig(config, Settings(**rest), objective, found)


def _check_inner_targets(config: Mapping[str, Any], trust: Sequence[str]) -> None:
    """Raises ConfigError for a class within a group's node that is not trusted: a class of one's own may call it."""
    for key, value in targets(config, ""):
        group, *inner = key.split(".")
        of_a_group = group in GROUPS and (len(inner) == 1 or group == "tracker")  # which `target_of` checks
        if not of_a_group and not (isinstance(value, str) and is_ours(value)):
            check_path(f"{key}={value}", str(value), trust)


def _check_multipliers(config: Mapping[str, Any], objective: Objective, given: Mapping[str, Any]) -> None:
    for name in objective.multipliers:
        if name not in given:
            raise ConfigError(f"{name}: objective={config['objective']['name']} uses this multiplier; give it a value")
    for name, value in given.items():
        if name not in (*objective.multipliers, *own_multipliers(config["objective"]["name"])):
            has = ", ".join(objective.multipliers) or "none"
            raise ConfigError(f"{name} is no multiplier of objective={config['objective']['name']}, which has: {has}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{name}={value}: a multiplier is a number ≥ 0, such as {name}=1e-2")
        if not math.isfinite(value) or (value < 0 and name not in objective.signed):
            raise ConfigError(f"{name}={value}: a multiplier must be finite and not negative")
        if abs(value) > LARGEST:
            raise ConfigError(f"{name}={value}: a multiplier must be at most 3.4e38, the largest number of float32")
    if not any(term.weight(given) for term in objective.terms):
        zeros = "=".join(objective.multipliers)
        raise ConfigError(f"{zeros}=0: every weight of the objective is 0, so there is nothing to minimise")


def absent(config: Mapping[str, Any], part: str, field: str, required: frozenset[str]) -> bool:
    """Whether a part that terms of weight 0 would measure is `none`, so that they are not measured."""
    return config[part]["_target_"] == "none" and field not in required


def own_multipliers(objective: str) -> list[str]:
    """The multipliers that the YAML of one of our objectives declares, used or not; none for other objectives."""
    return multipliers(objective) if objective in choices("objective") else []


def _objective_node(config: Mapping[str, Any]) -> Mapping[str, Any]:
    node = config.get("objective")
    if not isinstance(node, Mapping) or not isinstance(node.get("minimise"), Mapping):
        raise ConfigError("objective.minimise must map functionals to weights, as in {C: 1, R: gamma}")
    for key in node:
        if key not in OF_OBJECTIVE:
            near = get_close_matches(str(key), OF_OBJECTIVE, n=1)
            hint = f"did you mean objective.{near[0]}?" if near else f"there are {', '.join(OF_OBJECTIVE)}"
            raise ConfigError(f"objective.{key}: no such key; {hint}")
    if not isinstance(node.get("name"), str):
        raise ConfigError("objective.name: an objective needs a name, as in name: my_objective")
    return node


def _own_functionals(node: Mapping[str, Any], trust: Sequence[str]) -> dict[str, Functional]:
    """A person's own functionals, by symbol; `objective.functionals` maps symbols to import paths."""
    paths = node.get("functionals", {})
    if not isinstance(paths, Mapping):
        raise ConfigError("objective.functionals must map symbols to paths, as in {Q: my_package.my_module.quantity}")
    found = {}
    for symbol, path in paths.items():
        key = f"objective.functionals.{symbol}={path}"
        check_path(key, str(path), trust)
        functional = imported(key, str(path))
        if not isinstance(functional, Functional):
            raise ConfigError(f"{key}: is no Functional; make one with @functional, as docs/objectives.md shows")
        if functional.symbol != symbol:
            raise ConfigError(f"{key}: this functional's symbol is {functional.symbol}: use it as the key")
        if symbol in functionals():
            raise ConfigError(f"{key}: {symbol} is a functional of ib-train: give yours another symbol")
        if unknown := functional.needs - {field.name for field in fields(Pass)}:
            raise ConfigError(
                f"{key}: reads {', '.join(sorted(unknown))}, which no pass has; see ib_cli.contracts.passes.Pass"
            )
        found[symbol] = functional
    return found
