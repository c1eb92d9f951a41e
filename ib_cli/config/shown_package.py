"""The flag --package: the part of a config that --cfg shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig, OmegaConf

from ib_cli.config.command_flags import WITH_VALUE, marked
from ib_cli.config.near_words import near_word
from ib_cli.contracts.errors import ConfigError

PACKAGE, CFG = (("--package", WITH_VALUE["--package"]), ("--cfg", WITH_VALUE["--cfg"]))


class _NoValueError(Exception):
    """The part is there and has no value; its text says how it is written."""


def check_package(words: Sequence[str]) -> None:
    """Raises ConfigError for --package without --cfg, beside which Hydra would leave it unread and start a run."""
    flags = [word.partition("=")[0] for word, flag in marked(list(words)) if flag]
    if set(PACKAGE) & set(flags) and not set(CFG) & set(flags):
        raise ConfigError("--package: says which part of a config --cfg shows: ib-train --cfg job --package objective")


@contextmanager
def package_checked() -> Iterator[None]:
    """Within the block a part that the shown config does not have raises ConfigError; Hydra would leave with code 1."""
    before = Hydra.show_cfg

    def show(
        self: Hydra, config_name: str | None, overrides: list[str], cfg_type: str, package: str | None, *more: Any,
        **named: Any,
    ) -> None:  # fmt: skip
        def sanitized(config: DictConfig, kind: str) -> DictConfig:
            found = Hydra.get_sanitized_cfg(self, config, kind)
            if package is not None and package != "_global_":
                _check(found, package, kind)
            return found

        self.get_sanitized_cfg = sanitized  # type: ignore[assignment]
        try:
            before(self, config_name, overrides, cfg_type, package, *more, **named)
        except _NoValueError as told:
            print(told)

    Hydra.show_cfg = show  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.show_cfg = before  # type: ignore[method-assign]


def _check(config: DictConfig, package: str, kind: str) -> None:
    """Raises ConfigError where the config has no such part, and _NoValueError where that is null or yet to be given."""
    plain = OmegaConf.to_container(config, resolve=False)
    node: Any = plain
    for part in filter(None, re.split(r"[.\[\]]", package)):
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, str) and "${" in node:  # Hydra resolves it
            return
        else:
            raise ConfigError(_no_part(list(_keys(plain, "")), package, kind))
    if node is None or node == "???":
        raise _NoValueError("null" if node is None else "???")


def _no_part(keys: Sequence[str], package: str, kind: str) -> str:
    line = f"--package {package}: the config has no such part; "
    if kind == "job" and (package == "hydra" or package.startswith("hydra.")):
        return f"{line}--cfg hydra shows Hydra's own"
    inner = [key for key in keys if key.endswith(f".{package}")]
    near = min(inner, key=lambda key: key.count(".")) if inner else near_word(package, keys)
    return line + (f"did you mean {near}?" if near else f"ib-train --cfg {kind} shows all")


def _keys(node: Any, key: str) -> Iterator[str]:
    """The dotted keys of all that lies in a node."""
    for name, value in node.items() if isinstance(node, Mapping) else ():
        place = f"{key}.{name}" if key else str(name)
        yield place
        yield from _keys(value, place)
