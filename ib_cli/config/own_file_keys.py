"""What a config file that is not ours may set: all keys of a run, but of Hydra only how runs are planned and launched.

Hydra's other keys import classes, open files, or change the environment, and do so before any of our code is asked.
Whoever wants one of them types it; a file may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from ib_cli.config.catalogue import choices, directory
from ib_cli.contracts.errors import ConfigError

PLUGINS = ("launcher", "sweeper")
FREE = ("mode", *PLUGINS)
# Keys of launchers that run shell lines, read answers from a folder, or hand the runs to a machine.
TYPED_ONLY = frozenset(("setup_lines", "additional_parameters", "folder", "address"))
TYPE_IT = "leave it out, or type it on the command line if it is yours"


def check_own_file(content: Any, file: str) -> None:
    """Raises ConfigError for a key that only a command may set. `content`: plain, as the file's package places it."""
    if not isinstance(content, Mapping):
        return
    if content.get("trust"):
        raise ConfigError(f"{file}: trust: no file may say whom you trust: leave it out, and type trust=[…] yourself")
    hydra = content.get("hydra")
    if hydra is None:
        return
    if not isinstance(hydra, Mapping):
        raise _refused(file, "hydra")
    ours = _shipped("config")["hydra"]
    for key, value in hydra.items():
        if key in PLUGINS:
            _check_plugin(str(key), value, file)
        elif key not in FREE and (strange := next(_beyond(value, ours.get(key), f"hydra.{key}"), None)):
            raise _refused(file, strange)


def _check_plugin(plugin: str, node: Any, file: str) -> None:
    """The keys of a launcher or a sweeper: those of our own ones, less what is typed only."""
    if node is None:
        return
    if not isinstance(node, Mapping):
        raise ConfigError(f"{file}: hydra.{plugin}: must be a mapping; hydra/{plugin}=… chooses one")
    known = {key for option in choices(f"hydra/{plugin}") for key in _shipped(f"hydra/{plugin}/{option}")} - TYPED_ONLY
    for key in node:
        if key not in known:
            raise ConfigError(f"{file}: hydra.{plugin}.{key}: no file may set it: {TYPE_IT}")
    _check_swept(node.get("params"), f"hydra.{plugin}.params", file)
    points = node.get("points")
    if isinstance(points, str):
        raise ConfigError(f"{file}: hydra.{plugin}.points: must be a mapping")
    for name, point in (points or {}).items() if isinstance(points, Mapping) else ():
        _check_swept(point, f"hydra.{plugin}.points.{name}", file)


def _check_swept(node: Any, place: str, file: str) -> None:
    """Keys to sweep over: those of a run, as each becomes a word of its command."""
    if isinstance(node, str):
        raise ConfigError(f"{file}: {place}: must be a mapping of keys to values")
    for key in node if isinstance(node, Mapping) else ():
        bare = str(key).strip().lstrip("+~").lstrip()
        if bare.startswith(("hydra", "trust")) or "@" in bare or "=" in bare:
            raise ConfigError(f"{file}: {place}: {key!r} is no key of a run: leave it out")


def _beyond(value: Any, ours: Any, key: str) -> Iterator[str]:
    """The keys at which a value differs from ours: a copy of our own file is no stranger's."""
    if isinstance(value, Mapping) and isinstance(ours, Mapping | None):
        for name, inner in value.items():
            yield from _beyond(inner, (ours or {}).get(name), f"{key}.{name}")
    elif value != ours:
        yield key


def _refused(file: str, key: str) -> ConfigError:
    return ConfigError(
        f"{file}: {key}: of Hydra, a file may set hydra.sweeper, hydra.launcher and hydra.mode only: {TYPE_IT}"
    )


@cache
def _shipped(name: str) -> dict[str, Any]:
    """The content of one of our own config files."""
    return yaml.safe_load((directory("conf") / f"{name}.yaml").read_text(encoding="utf-8"))
