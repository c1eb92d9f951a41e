"""The config that a run's folder holds."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ib_cli.config.environment import from_environment, is_hidden
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.atomic import check_regular
from ib_cli.system.digests import text_is_whole


def stored_config(folder: Path, overrides: Mapping[str, Any], trust: Sequence[str] = ()) -> dict[str, Any]:
    """config.yaml of a run's folder, with some values replaced. Raises ConfigError.

    `trust`: the packages whose code the config may name; the file itself has no say in it.
    """
    file = folder / "config.yaml"
    try:
        check_regular(file)
        content = file.read_bytes()
        config = yaml.safe_load(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{folder}: is no run's folder ({file.name}: {error.strerror})") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # no syntax, no UTF-8, no date, too deep
        raise ConfigError(f"{file}: is damaged: no YAML can be read from it") from None
    if not text_is_whole(content):
        raise ConfigError(
            f"{file}: is damaged: it is not what the run wrote; load_run(…, overrides={{…}}) of ib_cli changes values"
        )
    if not isinstance(config, dict) or not {"dataset", "objective", "device", "seed"} <= config.keys():
        raise ConfigError(f"{file}: is damaged: it does not hold a run's config")
    for key, value in overrides.items():
        *groups, name = key.split(".")
        node = config
        for group in groups:
            node = node[group] if isinstance(node.get(group), dict) else {}
        if name not in node:
            raise ConfigError(f"{key}: this run's config has no such key")
        node[name] = value
    config.pop("trust", None)
    found = {key: _present(file, (key,), value, key == "tracker") for key, value in config.items()}
    return {**found, "trust": list(trust)} if trust else found


def _giving(key: str, told: str) -> str:
    """How to give a value that a stored config hides: by its variable, which every command reads, or in Python."""
    variable = re.fullmatch(r"\$\{oc\.env:(\w+)[^}]*\}", told)
    first = f"set the environment variable {variable[1]}, or " if variable else ""
    return f"{first}load it in Python: load_run(…, overrides={{'{key}': …}})"


def _present(file: Path, place: tuple[str, ...], value: Any, optional: bool) -> Any:
    """The value with environment variables as they are now. Raises ConfigError for one that the file hides."""
    if isinstance(value, dict):
        return {key: _present(file, (*place, str(key)), inner, optional) for key, inner in value.items()}
    if isinstance(value, list):
        return [_present(file, place, inner, optional) for inner in value]
    if optional or not isinstance(value, str):
        return value  # nothing is built of it, so that another's file brings no variable into a tracker
    found = from_environment(value, os.environ)
    if is_hidden(found):
        key = ".".join(place)
        raise ConfigError(f"{file}: {key}={found} was secret, and is not there: {_giving(key, found)}")
    return found
