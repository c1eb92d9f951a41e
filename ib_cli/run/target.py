"""The class or function that a config node names: found, checked against the node's keys, and called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isclass, isfunction, signature
from numbers import Integral
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ib_cli.config.public_names import path_of, paths
from ib_cli.config.schema import check
from ib_cli.config.trust import check_origin, check_path, is_ours
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.experiment.procedure import Procedure
from ib_cli.system.places import is_file, is_folder

# What the program asks of a part before it uses it, by group; CONTRIBUTING.md has all of it.
ASKED: dict[str, dict[str, type]] = {
    "dataset": {"load": object, "fingerprint": object},
    "architecture": {"features": Integral, "parameters": object},
    "bottleneck": {"size": Integral, "stochastic": bool, "discrete": bool, "parameters": object},
    **{part: {"parameters": object} for part in ("classifier", "decoder", "marginal", "backward_encoder", "window")},
    **{part: {"training_plan": object} for part in ("critic_z", "critic_x")},
    "tracker": {"start": object, "finish": object},
}
MEANING = {
    "features": " (a number: the columns of its output, (B, features))",
    "size": " (a number: the dimensions of z)",
    "stochastic": " (true where z is drawn)",
    "discrete": " (true where z has finitely many values)",
}
# What the program gives to forward, by group.
FORWARD = {
    "architecture": ("x", "tape"),
    "bottleneck": ("features", "tape", "samples"),
    "classifier": ("z",),
    "decoder": ("z",),
}
COPIED = "docs/own_parts.md has files to copy, and CONTRIBUTING.md says what each part must have"
# What a class must be, or have, before it is called at all.
KINDS: dict[str, type] = {
    **dict.fromkeys(
        ("architecture", "bottleneck", "classifier", "decoder", "marginal", "backward_encoder", "window"), nn.Module
    ),
    "procedure": Procedure,
    "optimizer": Optimizer,
}
METHODS = {"dataset": ("load", "fingerprint"), "tracker": ("start", "finish")}


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
            told = " and ".join(f"{name}{MEANING.get(name, '')}" for name in lacking)
            raise ConfigError(f"{self._name}: what it makes must have {told}; {COPIED}")
        self._check_forward(made)
        return made

    def _check_forward(self, made: Any) -> None:
        """Raises ConfigError where a person's own part cannot be called as the program will call it."""
        names = FORWARD.get(self.group)
        if names is None or hasattr(made, "of_pass") or type(made).__module__.partition(".")[0] == "ib_cli":
            return
        try:
            signature(made.forward).bind(*names)
        except TypeError:
            raise ConfigError(f"{self._name}: must have forward(self, {', '.join(names)}); {COPIED}") from None

    @property
    def _name(self) -> str:
        return f"{self.group}._target_={self.path}"


def target_of(group: str, node: Any, place: str = "", trust: Sequence[str] = ()) -> Target:
    """The class or function of a config node, and its keys, checked. Raises ConfigError.

    `place`: the key of the node, where it is not the group's own. `trust`: packages whose code it may
    name, beside ours.
    """
    place = place or group
    if not isinstance(node, Mapping):
        raise ConfigError(f"{place}={node}: choose one of the group's options, as ib-train --help lists them")
    if "_target_" not in node:
        raise ConfigError(f"{place}: has no _target_; a file of your own needs one, as in {_example(group)}")
    path = node["_target_"]
    if not isinstance(path, str) or not path:
        raise ConfigError(f"{place}._target_={path}: must be the path of a class, as in {_example(group)}")
    told = f"{place}._target_={path}"
    check_path(told, path_of(group, path), trust)
    found = imported(told, path_of(group, path))
    if not callable(found):
        raise ConfigError(f"{told}: is neither a class nor a function")
    _check_kind(told, group, path, found, trust)
    keys = {key: value for key, value in node.items() if key != "_target_"}
    check(place, found, keys)
    return Target(group, path, found, keys)


def _check_kind(told: str, group: str, path: str, found: Any, trust: Sequence[str]) -> None:
    """Raises ConfigError for what is no part of this group: not ours, not trusted, or a class of another kind.

    A function of a trusted package may make any part; one of ours, only the parts that our own options name.
    """
    if path_of(group, path) in paths(group).values():
        return
    check_origin(told, found, trust)
    if not isclass(found):
        if is_ours(found.__module__) or not isfunction(found):
            raise ConfigError(f"{told}: makes no {group}: choose one of the group's options, or a class of your own")
    elif not (
        issubclass(found, KINDS.get(group, object)) and all(hasattr(found, name) for name in METHODS.get(group, ()))
    ):
        needed = KINDS[group].__name__ if group in KINDS else " and ".join(METHODS[group])
        raise ConfigError(f"{told}: is no class for {group}, which must be or have {needed}; see CONTRIBUTING.md")
    elif is_ours(found.__module__) and group not in KINDS and group not in METHODS:
        raise ConfigError(f"{told}: is no option of {group}: choose one of those, as ib-train --help lists them")


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
        raise ConfigError(f"{key}: cannot be imported ({reason}); {_where(path, error)}") from None


def _where(path: str, error: BaseException) -> str:
    """What to do so that a module is found, by where it lies."""
    head = path.partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or error.name != head:
        return "is its folder on PYTHONPATH?"
    beside = Path(f"{head}.py") if is_file(f"{head}.py") else Path(head) if is_folder(head) else None
    if beside is None:
        return "is its folder on PYTHONPATH?"
    return f"{beside} lies in this folder: put PYTHONPATH=. before the command"
