"""Whose code a config may name: that of ib-train, and of the packages that a person named by `trust=[my_package]`.

A config may come from somebody else, and whatever code it names is imported and called.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ib_cli.contracts.errors import ConfigError

OURS = "ib_cli"
PACKAGE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
NO_TEXTS = ("true", "false", "null", "nan", "inf")  # words that Hydra reads as something else
_WORD = re.compile(r"\+{0,2}trust=(.*)", re.DOTALL)
SAMPLER = re.compile(r"optuna\.samplers\.(nsgaii\.)?[A-Z]\w*", re.ASCII)
PLUGIN = re.compile(
    r"hydra_plugins\.(ib_train|hydra_(joblib|submitit|ray)_launcher|hydra_optuna_sweeper)(\.\w+)+"
    r"|hydra\._internal\.core_plugins\.basic_(launcher\.BasicLauncher|sweeper\.BasicSweeper)",
    re.ASCII,
)


def spelled_out(word: str) -> str:
    """The word `trust=a,b` as the list that it stands for, `trust=[a,b]`; other words as they are."""
    match = _WORD.fullmatch(word)
    return f"trust=[{','.join(packages(match[1]))}]" if match else word


def typed_trust(words: Sequence[str]) -> tuple[str, ...]:
    """The packages that a command names, by its last `trust=`. Raises ConfigError for what is no list of them."""
    found: tuple[str, ...] = ()
    for word in words:
        if match := _WORD.fullmatch(word):
            found = packages(match[1])
    return found


def packages(value: str | Sequence[Any]) -> tuple[str, ...]:
    """The packages of `[a,b]` or `a,b`, or of a list. Raises ConfigError for what is none."""
    names: Sequence[Any] = value
    if isinstance(value, str):
        inner = value.strip().removeprefix("[").removesuffix("]").strip()
        names = [name.strip(" '\"") for name in inner.split(",")] if inner else []
    for name in names:
        if not isinstance(name, str) or not PACKAGE.fullmatch(name) or name.casefold() in NO_TEXTS:
            raise ConfigError(f"trust={value}: must name packages, as in trust=[my_package]")
    return tuple(names)


def within(path: str, trust: Sequence[str]) -> bool:
    """Whether a dotted path lies in one of these packages. Python's own library is never trusted."""
    named = any(path == package or path.startswith(f"{package}.") for package in trust)
    return named and _head(path) not in sys.stdlib_module_names


def is_ours(path: str) -> bool:
    """Whether a dotted path lies in ib-train."""
    return path.startswith(f"{OURS}.")


def check_path(key: str, path: str, trust: Sequence[str]) -> None:
    """Raises ConfigError, which begins with `key`, for code that is neither ours nor of a trusted package."""
    if not (is_ours(path) or within(path, trust)):
        raise ConfigError(f"{key}: {_remedy(path)}")


def check_origin(key: str, found: Any, trust: Sequence[str]) -> None:
    """Raises ConfigError where what was found at a path is defined elsewhere, as `my_package.os.system` is."""
    module = str(getattr(found, "__module__", None))
    if not (module == OURS or is_ours(module) or within(module, trust)):
        raise ConfigError(f"{key}: is defined in {module}: {_remedy(module)}")


def check_samplers(node: Any, trust: Sequence[str], key: str = "hydra.sweeper.sampler") -> None:
    """Raises ConfigError for a `_target_` at any depth of the node that is no sampler of Optuna, nor trusted."""
    for place, target in targets(node, key):
        if not (isinstance(target, str) and (SAMPLER.fullmatch(target) or within(target, trust))):
            raise ConfigError(f"{place}={target}: is no sampler: choose one of optuna.samplers")


def targets(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every `_target_` at any depth of plain containers."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            place = f"{key}.{name}" if key else str(name)
            if name == "_target_":
                yield place, value
            yield from targets(value, place)
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from targets(value, f"{key}.{number}")


def _head(path: str) -> str:
    return path.partition(".")[0]


def _remedy(path: str) -> str:
    head = _head(path)
    if head in sys.stdlib_module_names or not PACKAGE.fullmatch(head):
        return "is no part of a model; choose one of the group's options, or a class of your own"
    return f"runs code of {head}; if you trust that package, add trust={head}"
