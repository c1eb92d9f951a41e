"""Hydra, kept from running what a config file names: every config is checked as soon as it is composed.

Hydra calls the classes that its own node names, callbacks and log handlers among them, before a task is asked. So the
check stands between composing and all that follows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.plugins.config_source import ConfigResult
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ib_cli.config.catalogue import directory
from ib_cli.config.error_lines import PLUGINS
from ib_cli.config.own_file_keys import TYPE_IT, check_own_file
from ib_cli.config.public_names import path_of
from ib_cli.config.quick_yaml import MOST_VALUES
from ib_cli.config.trust import PLUGIN, SAMPLER, check_path, is_ours, within
from ib_cli.contracts.errors import ConfigError

STUDY = "a study named by its file: "  # begins the provider of such a config in Hydra's store
WATCHER = "ib_cli.study.callback.Study"
DEEPEST = 60  # levels of a config, with its interpolations followed
LOGGING = ("hydra.job_logging", "hydra.hydra_logging")
LOG_CLASSES = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler", "logging.Formatter")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
MARKS = ("_target_", "hydra", "functionals", "trust", "$")  # without one of them, a word names no code

JOINED = re.compile(r"[^$]|\$\{[^{}]*\}.", re.DOTALL)  # begins an interpolation that makes a text, and no mapping
SEEN = re.compile(r"\$\{(oc\.env:[^{}]*|[\w.]+)\}")  # a text, or what is looked at in its own place


@contextmanager
def guarded_hydra(trust: Sequence[str]) -> Iterator[None]:
    """Within the block Hydra composes no config that would run code which is neither ours nor of a trusted package.

    Composing raises ConfigError instead, for a file's key that only a command may set as well.
    """
    names = ("_load_single_config", "_process_config_searchpath", "_load_configuration_impl")
    single, searched, composed = before = [vars(ConfigLoaderImpl)[name] for name in names]

    def load_single(self: Any, default: Any, repo: Any) -> ConfigResult:
        found: ConfigResult = single(self, default, repo)
        if (file := own_file(found, default.config_path)) is not None:
            check_own_file(OmegaConf.to_container(found.config, resolve=False), file)
        return found

    def process_searchpath(self: Any, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        found: Any = repo.load_config(config_path=config_name) if config_name is not None else None
        config = None if found is None else found.config
        if isinstance(config, DictConfig) and (file := own_file(found, str(config_name))) is not None:
            check_own_file(OmegaConf.to_container(config, resolve=False), file)  # Hydra imports a package it names
        searched(self, config_name, parsed_overrides, repo)

    def load(self: Any, *arguments: Any, **options: Any) -> DictConfig:
        found: DictConfig = composed(self, *arguments, **options)
        check_composed(found, trust)
        return found

    try:
        for name, new in zip(names, (load_single, process_searchpath, load)):
            setattr(ConfigLoaderImpl, name, new)
        yield
    finally:
        for name, old in zip(names, before):
            setattr(ConfigLoaderImpl, name, old)


def own_file(found: ConfigResult, config_path: str) -> str | None:
    """The name of a config's file, where it is a person's; None for ours, Hydra's, and what Python code has stored."""
    if found.provider.startswith(STUDY):
        return found.provider.removeprefix(STUDY)
    scheme, _, place = found.path.partition("://")
    if scheme == "file":
        file = Path(os.path.normpath(Path(place) / f"{config_path.removesuffix('.yaml')}.yaml"))  # it may leave by ..
        ours = directory("conf")
        return None if file.is_relative_to(ours) or file.resolve().is_relative_to(ours.resolve()) else str(file)
    return f"{found.path}/{config_path}" if found.provider.startswith("hydra.searchpath") else None


def check_composed(config: DictConfig, trust: Sequence[str]) -> None:
    """Raises ConfigError for a config that names code which is neither ours nor of these packages."""
    said = OmegaConf.select(config, "trust")
    if not set(said if isinstance(said, ListConfig) else [said] if said else []) <= set(trust):
        raise ConfigError(f"trust={said}: no file may say whom you trust: type trust=[…] on the command line")
    _check_kinds(config)
    left = MOST_VALUES
    for key, name, value in _leaves(config, OmegaConf.to_container(config, resolve=False), "", 0):
        left -= 1
        if left < 0:
            raise ConfigError(f"{key.split('.')[0]}: stands for more than {MOST_VALUES} values: write fewer")
        if key.startswith(LOGGING):
            _check_logging(key, value, trust)
        elif name == "_target_":
            _check_target(key, value, trust)
        elif key.startswith("objective.functionals.") and isinstance(value, str):
            check_path(f"{key}={value}", value, trust)


def _check_kinds(config: DictConfig) -> None:
    """Raises ConfigError for a value of Hydra's own node that Hydra would take and fail at, in words of its code."""
    for name, node in (OmegaConf.select(config, "hydra.callbacks") or {}).items():
        if not isinstance(node, DictConfig):
            raise ConfigError(f"hydra.callbacks.{name}={node}: is no callback; ~hydra.callbacks.{name} leaves it out")
    for kind in ("launcher", "sweeper"):
        node = OmegaConf.select(config, f"hydra.{kind}")
        if node is not None and not isinstance(node, DictConfig):
            raise ConfigError(f"hydra.{kind}={node}: is no {kind}; {PLUGINS}")
    if "hydra" in config and "verbose" in config.hydra and config.hydra.verbose is None:
        raise ConfigError("hydra.verbose=null: must be true, false or the names of loggers")


def check_words(words: Sequence[str], config: DictConfig, trust: Sequence[str]) -> None:
    """`check_composed` of a config that was checked before these words changed it, where they may name code."""
    if any(mark in word for word in words for mark in MARKS):
        check_composed(config, trust)


def _leaves(node: Any, plain: Any, key: str, depth: int) -> Iterator[tuple[str, str | int, Any]]:
    """Dotted key, its last part and value of all there is, interpolations resolved. `plain`: the node as it is written.

    What cannot be resolved is left out, as Hydra cannot use it either; a `_target_` is then a text that is no path.
    """
    if depth > DEEPEST:
        raise ConfigError(f"{key.split('.')[0]}: its values are nested too deeply, or lead back to themselves")
    for name, value in list(plain.items()) if isinstance(plain, Mapping) else enumerate(plain):
        place = f"{key}.{name}" if key else str(name)
        if isinstance(value, str) and "${" in value and _may_hide(place, value):
            try:
                value = node[name]
            except OmegaConfBaseException:
                value = "an interpolation that has no value" if name == "_target_" else None
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=False)
        if isinstance(value, Mapping | list):
            yield place, name, None
            yield from _leaves(node[name], value, place, depth + 1)
        elif value != MISSING:
            yield place, name, value


def _may_hide(key: str, value: str) -> bool:
    """Whether what an interpolation stands for must be looked at; it takes OmegaConf most of a millisecond."""
    if key.rpartition(".")[2] == "_target_" or key.startswith((*LOGGING, "objective.functionals")):
        return True
    return not (JOINED.match(value) or (SEEN.fullmatch(value) and not key.startswith("hydra.")))


def _check_target(key: str, value: Any, trust: Sequence[str]) -> None:
    """Raises ConfigError unless this key may name this class; what is no path is told when the config is validated."""
    told = f"{key}={value}"
    if not key.startswith("hydra."):
        if isinstance(value, str) and value and not is_ours(value):
            group, *inner = key.split(".")
            check_path(told, path_of(group, value) if group == "tracker" or len(inner) == 1 else value, trust)
    elif isinstance(value, str) and within(value, trust):
        return
    elif key in ("hydra.launcher._target_", "hydra.sweeper._target_"):
        if not PLUGIN.fullmatch(str(value)):
            raise ConfigError(f"{told}: is no launcher or sweeper; {PLUGINS}")
    elif key.startswith("hydra.sweeper.sampler."):
        if not SAMPLER.fullmatch(str(value)):
            raise ConfigError(f"{told}: is no sampler: choose one of optuna.samplers")
    elif key != "hydra.callbacks.study._target_" or value != WATCHER:
        raise ConfigError(f"{told}: Hydra would run it at once, and it is not of ib-train: leave it out")


def _check_logging(key: str, value: Any, trust: Sequence[str]) -> None:
    """Raises ConfigError for a log handler or formatter that is more than one."""
    name = key.rpartition(".")[2]
    if name in ("()", "class", "_target_") and not (
        isinstance(value, str) and ((name == "class" and value in LOG_CLASSES) or within(value, trust))
    ):
        raise ConfigError(f"{key}={value}: is no plain log handler ({', '.join(LOG_CLASSES)}): {TYPE_IT}")
    if isinstance(value, str) and value.startswith(("ext://", "cfg://")) and value not in STREAMS:
        raise ConfigError(f"{key}={value}: must be {' or '.join(STREAMS)}")
