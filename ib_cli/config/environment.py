"""Values that a config takes from environment variables: written out in files, or told by the variable's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.system.secrets import HIDDEN, LEAST, LEAST_COMMON, FromEnvironment, remember, sounds_secret

_VARIABLE = re.compile(r"\$\{\s*oc\.env:\s*([^,}\s]+)")
_REFERENCE = re.compile(r"\$\{\s*(\.*)([\w.]+)\s*\}")
_PLAIN = re.compile(r"(?:[^${}]|\$\{oc\.env:\w+(?:,[^${},]*)?\})*")  # text and variables, nothing within each other
_SIMPLE = re.compile(r"\$\{oc\.env:(\w+)(?:,([^${},]*))?\}")
DEEPEST = 20  # references to references
PLACES = ("name", "output")  # keys that become names of folders


def check_names(raw: Mapping[str, Any]) -> None:
    """Raises ConfigError where a secret would become the name of a folder. `raw`: a config, not resolved."""
    for key in PLACES:
        for variable in _variables(raw.get(key), raw, (key,)):
            if sounds_secret(variable):
                raise ConfigError(
                    f"{key}={raw[key]}: {variable} sounds like a secret, and this key becomes the name of a folder: "
                    "write a name"
                )


def told_by_name(plain: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved config `plain` with those texts marked that files tell as `${oc.env:NAME}` only.

    These are texts from variables that sound secret, and any in `tracker` and in classes of one's own. All others are
    written out, as a run's numbers may depend on them.
    """
    return {key: _marked(value, raw.get(key), raw, (key,), _is_open(key, value)) for key, value in plain.items()}


def from_environment(text: str, environment: Mapping[str, str]) -> str:
    """A text of a stored config, with its variables as they are now; it stays as it is where there is none."""
    return _SIMPLE.sub(lambda found: environment.get(found[1], found[0] if found[2] is None else found[2]), text)


def is_hidden(value: Any) -> bool:
    """Whether a stored config tells a value by name only, or not at all."""
    return isinstance(value, str) and (value == HIDDEN or _VARIABLE.search(value) is not None)


def _is_open(key: str, value: Any) -> bool:
    """Whether texts of this group may be anything: of a tracker, or of a class that is not the program's."""
    if key == "tracker":
        return True
    target = value.get("_target_") if isinstance(value, Mapping) else None
    return isinstance(target, str) and "." in target and not target.startswith(("ib_cli.", "hydra_plugins."))


def _marked(value: Any, raw: Any, root: Mapping[str, Any], place: tuple[str, ...], open_to_all: bool) -> Any:
    """The value at a place with its texts from variables marked. `raw`: what stands there, not resolved."""
    if isinstance(value, Mapping):
        nodes = raw if isinstance(raw, Mapping) else dict.fromkeys(value, raw)
        return {
            key: _marked(each, nodes.get(key), root, (*place, str(key)), open_to_all or _is_open("", value))
            for key, each in value.items()
        }
    if isinstance(value, list):
        inner = raw if isinstance(raw, list) and len(raw) == len(value) else [raw] * len(value)
        return [_marked(*pair, root, (*place, "0"), open_to_all) for pair in zip(value, inner)]
    if not isinstance(value, str) or not (variables := list(_variables(raw, root, place))):
        return value
    secret = any(map(sounds_secret, (*variables, *place)))
    if not (secret or open_to_all):
        return value
    shown = raw if isinstance(raw, str) and _VARIABLE.search(raw) and _PLAIN.fullmatch(raw) else HIDDEN
    if secret:
        shown = re.sub(r"(\$\{oc\.env:\w+),[^}]*\}", r"\1}", shown)
    remember(value, shown, LEAST if secret else LEAST_COMMON)
    return FromEnvironment(value, shown)


def _variables(raw: Any, root: Mapping[str, Any], place: tuple[str, ...], depth: int = 0) -> Iterator[str]:
    """The environment variables that a text takes values from, also by references to other keys."""
    if not isinstance(raw, str) or "${" not in raw or depth > DEEPEST:
        return
    yield from _VARIABLE.findall(raw)
    for dots, path in _REFERENCE.findall(raw):
        parts = (*(place[: -len(dots)] if dots else ()), *path.split("."))
        yield from _variables(_at(root, parts), root, parts, depth + 1)


def _at(root: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        root = root.get(part) if isinstance(root, Mapping) else None
    return root
