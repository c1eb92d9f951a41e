"""Which runs can be trained together: their configs differ only in numbers that a stack holds for each run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ib_cli.config.multipliers import MULTIPLIERS

# Keys of the top level and of the groups. Dropout rates may differ too, if all are above 0. The widths only change the
# initial parameters of TherML's toy model.
STACKABLE = {
    *MULTIPLIERS,
    "seed",
    "optimizer.lr",
    "optimizer.weight_decay",
    "bottleneck.distance_weight",
    "bottleneck.width",
    "decoder.width",
    "window.batches",
    "noise.alpha_max",
    "noise.keep",
    "noise.variance",
    "noise.zero_mass",
}


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"optimizer": {"lr": 1}}` as `{"optimizer.lr": 1}`."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def common_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that all runs of one stack must have in common."""
    everything = flat(config)
    rest = {key: value for key, value in everything.items() if key not in STACKABLE}
    if "bottleneck.distance_weight" in everything:  # null is another choice of codewords, not another number
        rest["bottleneck.distance_weight"] = everything["bottleneck.distance_weight"] is not None
    return {key: value > 0 if _is_dropout(key, value) else value for key, value in rest.items()}


def grouped(configs: Mapping[int, Mapping[str, Any]]) -> list[list[int]]:
    """The numbers of the configs in groups that can be stacked, in the order of each group's first."""
    groups: dict[str, list[int]] = {}
    for number, config in configs.items():
        groups.setdefault(json.dumps(common_part(config), sort_keys=True, default=str), []).append(number)
    return list(groups.values())


def apart(configs: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """The keys that keep configs from being stacked all together."""
    parts = [common_part(config) for config in configs.values()]
    keys = dict.fromkeys(key for part in parts for key in part)
    return [key for key in keys if any(part.get(key) != parts[0].get(key) for part in parts)]


def _is_dropout(key: str, value: Any) -> bool:
    return "dropout" in key.rpartition(".")[2] and isinstance(value, float | int)
