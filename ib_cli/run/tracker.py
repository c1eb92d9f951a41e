"""The tracker of a config: one, or several at once as `tracker=[wandb,tensorboard]` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ib_cli.config.public_names import public_name
from ib_cli.run.target import Target, target_of
from ib_cli.watch.trackers.several import Several


def tracker_of(node: Any, trust: Sequence[str] = ()) -> Target:
    """The tracker that a config node names, its keys checked. Nodes within it name further ones. Raises ConfigError."""
    inner = _inner(node)
    if not inner:
        return target_of("tracker", node, trust=trust)
    own = target_of("tracker", {key: value for key, value in node.items() if key not in inner}, trust=trust)
    all_of_them = [own, *(target_of("tracker", each, f"tracker.{name}", trust) for name, each in inner.items())]
    return replace(own, callable=lambda: Several([target() for target in all_of_them]), keys={})


def with_public_names(node: Any) -> Any:
    """The node with the public names of the trackers within it."""
    named = {
        name: {**each, "_target_": public_name("tracker", each["_target_"])} for name, each in _inner(node).items()
    }
    return {**node, **named} if named else node


def _inner(node: Any) -> dict[str, Mapping[str, Any]]:
    if not isinstance(node, Mapping):
        return {}
    return {
        name: each for name, each in node.items() if isinstance(each, Mapping) and isinstance(each.get("_target_"), str)
    }
