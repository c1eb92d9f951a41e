"""The class or function that a config node names: found, checked against the node's keys, and called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from pkgutil import resolve_name
from typing import Any

from ib_cli.config.public_names import path_of
from ib_cli.config.schema import check
from ib_cli.contracts.errors import ConfigError, RunFailedError

# What the program asks of a part before it uses it, by group; CONTRIBUTING.md has all of it.
ASKED: dict[str, dict[str, type]] = {
    "dataset": {"load": object, "fingerprint": object},
    "architecture": {"features": Integral, "parameters": object},
    "bottleneck": {"size": Integral, "stochastic": bool, "discrete": bool, "parameters": object},
    **{part: {"parameters": object} for part in ("classifier", "decoder", "marginal", "backward_encoder", "window")},
    **{part: {"training_plan": object} for part in ("critic_z", "critic_x")},
    "tracker": {"start": object, "finish": object},
}


@dataclass(frozen=True)
class Target:
    """The class or function that a config node names, with the node's keys."""

    group: str
    path: str
    callable: Callable[..., Any]
    keys: Mapping[str, Any]

    def __call__(self, *arguments: Any) -> Any:
        """Call it with these arguments and the keys.

        Raises ConfigError where a person's own class fails, or makes what the program cannot use.
        """
        try:
            made = self.callable(*arguments, **self.keys)
        except (ConfigError, RunFailedError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            if str(getattr(self.callable, "__module__", "")).startswith("ib_cli."):
                raise
            why = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ConfigError(f"{self._name}: fails with {why} (debug=true shows where)") from error
        asked = ASKED.get(self.group, {}).items()
        lacking = [name for name, kind in asked if not (hasattr(made, name) and isinstance(getattr(made, name), kind))]
        if lacking:
            raise ConfigError(
                f"{self._name}: what it makes has no proper {' and '.join(lacking)}; CONTRIBUTING.md says what "
                "each part must have"
            )
        return made

    @property
    def _name(self) -> str:
        return f"{self.group}._target_={self.path}"


def target_of(group: str, node: Any, place: str = "") -> Target:
    """The class or function of a config node, and its keys, checked. Raises ConfigError.

    `place`: the key of the node, where it is not the group's own.
    """
    place = place or group
    if not isinstance(node, Mapping):
        raise ConfigError(f"{place}={node}: choose one of the group's options, as ib-train --help lists them")
    if "_target_" not in node:
        raise ConfigError(f"{place}: has no _target_; a file of your own needs one, as in {_example(group)}")
    path = node["_target_"]
    if not isinstance(path, str) or not path:
        raise ConfigError(f"{place}._target_={path}: must be the path of a class, as in {_example(group)}")
    found = imported(f"{place}._target_={path}", path_of(group, path))
    if not callable(found):
        raise ConfigError(f"{place}._target_={path}: is neither a class nor a function")
    keys = {key: value for key, value in node.items() if key != "_target_"}
    check(place, found, keys)
    return Target(group, path, found, keys)


def _example(group: str) -> str:
    return f"_target_: my_module.My{group.title().replace('_', '')}"


def imported(key: str, path: str) -> Any:
    """The object at a dotted path. Raises ConfigError, whose message begins with `key`."""
    module, _, name = path.rpartition(".")
    if module in sys.modules and hasattr(sys.modules[module], name):  # a tenth of the time of the general way
        return getattr(sys.modules[module], name)
    try:
        return resolve_name(path)
    except (Exception, SystemExit) as error:  # whatever a person's module raises while it is imported
        reason = str(error).splitlines()[-1] if str(error) else type(error).__name__
        raise ConfigError(f"{key}: cannot be imported ({reason}); is its folder on PYTHONPATH?") from None
