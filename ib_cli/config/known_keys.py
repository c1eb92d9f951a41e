"""All keys that a command can set, with their defaults, read from the YAML files without Hydra. For error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from ib_cli.config.catalogue import choices, directory, groups
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.quick_yaml import bounded
from ib_cli.system.places import is_file, is_folder

PLUGINS = ("hydra/launcher", "hydra/sweeper")
OF_HYDRA = {f"hydra.{key}": "" for key in ("mode", "verbose", "searchpath")}
_OVERRIDE = re.compile(r"(?:override )?/?(\w[\w/]*)(?:@\S+)?")


@dataclass(frozen=True)
class KnownKeys:
    """What can be typed: our options and keys, and those of a person's own folders.

    `own`: folders with further configs. `words`: the command line, whose overrides choose options.
    """

    own: Sequence[Path] = ()
    words: Sequence[str] = ()

    def groups(self) -> list[str]:
        """The groups, `hydra/launcher` and `hydra/sweeper` among them."""
        mine = (
            file.relative_to(folder).as_posix() for folder in self.own for file in folder.rglob("*") if file.is_dir()
        )
        return list(dict.fromkeys([*groups(), *PLUGINS, *mine]))

    def options(self, group: str) -> list[str]:
        """The options of a group."""
        folders = (folder / group for folder in self.own if is_folder(folder / group))
        mine = (file.stem for folder in folders for file in sorted(folder.glob("*.yaml")))
        return list(dict.fromkeys([*choices(group), *mine]))

    @cached_property
    def top(self) -> dict[str, Any]:
        """Top-level key → default, without groups and multipliers."""
        config = _content_of(directory("conf") / "config.yaml")
        return {key: value for key, value in config.items() if key not in ("defaults", "hydra")}

    @cached_property
    def chosen(self) -> dict[str, str]:
        """Group → its option in this command, as far as the files say it."""
        found: dict[str, str] = {}
        for entry in _content_of(directory("conf") / "config.yaml")["defaults"]:
            if isinstance(entry, Mapping):
                found |= {group: option for group, option in entry.items() if option is not None}
        found |= {"hydra/launcher": "sequential", "hydra/sweeper": "grid"}
        typed = [word.lstrip("+").partition("=") for word in self.words]
        given = {group: option for group, _, option in typed if option in self.options(group) or _listed(group, option)}
        for group, option in {**found, **given}.items():
            found |= {name: other for name, other in self._brought(group, option) if name in found}
        return found | given

    def keys(self, group: str, option: str) -> dict[str, Any]:
        """Key → default of an option, without the group's name; keys within keys are dotted.

        Of a list of trackers: the keys of each, after its name.
        """
        several = {name: self._node(group, name) for name in _listed(group, option)}
        return dict(_flat(several or self._node(group, option)))

    def chosen_keys(self) -> dict[str, Any]:
        """Full key → default, for the chosen options and the top level, multipliers among them."""
        found = dict(self.top) | OF_HYDRA
        for group, option in self.chosen.items():
            prefix = group.replace("/", ".")
            found |= {f"{prefix}.{key}": value for key, value in self.keys(group, option).items()}
        objective = self._content("objective", self.chosen["objective"])
        return found | {key: value for key, value in objective.items() if key in MULTIPLIERS}

    def multipliers(self, objective: str) -> list[str]:
        """The multipliers of an objective, a person's own as well."""
        return [key for key in self._content("objective", objective) if key in MULTIPLIERS]

    def with_key(self, group: str, key: str) -> list[str]:
        """The options of a group that have a key; of `objective` those that have a multiplier."""
        if key in MULTIPLIERS:
            return [option for option in self.options(group) if key in self._content(group, option)]
        return [option for option in self.options(group) if key in self.keys(group, option)]

    def _content(self, group: str, option: str) -> dict[str, Any]:
        """The content of an option's file; empty where it has none that can be read."""
        ours = directory("sweeps") if group == "sweep" else directory("conf") / group
        files = [ours / f"{option}.yaml", *(folder / group / f"{option}.yaml" for folder in self.own)]
        return next((_content_of(file) for file in files if is_file(file)), {})

    def _node(self, group: str, option: str, above: frozenset[tuple[str, str]] = frozenset()) -> dict[str, Any]:
        """The keys of an option, with those of the files that it builds on. `above`: those that build on it."""
        content, above = self._content(group, option), above | {(group, option)}
        found: dict[str, Any] = {}
        for entry in content.get("defaults") or ():
            places = entry if isinstance(entry, Mapping) else {f"{group}@_here_": entry}
            for place, name in places.items():
                base = (str(place).strip("/").partition("@")[0], str(name).rpartition("/")[2])
                if str(place).endswith("@_here_") and name != "_self_" and base not in above:
                    found |= self._node(*base, above)
        inner = content.get(group)
        own = inner if isinstance(inner, Mapping) else content if group != "sweep" else {}
        return found | {key: value for key, value in own.items() if key != "defaults"}

    def _brought(self, group: str, option: str) -> Iterator[tuple[str, str]]:
        """The options of other groups that an option chooses."""
        for entry in self._content(group, option).get("defaults") or ():
            for place, name in entry.items() if isinstance(entry, Mapping) else ():
                if str(place).startswith("override ") and (match := _OVERRIDE.match(str(place))):
                    yield match[1], str(name)


def _content_of(file: Path) -> dict[str, Any]:
    """The content of a YAML file; empty where it cannot be read, of which another error line tells."""
    try:
        about = file.stat()
        return _parsed(file, about.st_mtime_ns, about.st_size)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}


@cache
def _parsed(file: Path, changed: int, size: int) -> dict[str, Any]:
    with file.open("rb") as stream:
        content = yaml.load(stream, Loader=bounded(getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return content if isinstance(content, dict) else {}


def _listed(group: str, option: str) -> list[str]:
    """The names in a list of trackers; empty for any other option."""
    listed = group == "tracker" and option.startswith("[") and option.endswith("]")
    return [name.strip() for name in option[1:-1].split(",")] if listed else []


def _flat(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if not str(key).startswith("_"):
            yield str(key), value
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", deep) for inner, deep in _flat(value))
