"""Why J may not be finite: the keys of a config whose values make numbers overflow, and what else to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OTHERWISE = "try a smaller optimizer.lr, clip=1, a longer schedule.warmup, or a bottleneck whose scale cannot run away"
AT_ONCE = (
    "no parameter had changed yet, so that the learning rate has no part in it: are values of x too large "
    "(dataset.normalise=standard), or the scale of a bottleneck, or a multiplier?"
)
# Key → the value from which on it is suspected, and a usual one. What is near the usual value is left alone: J that is
# not finite is mostly the learning rate's doing.
LARGE = {
    "noise.alpha_max": (2.0, "1"),
    "noise.variance": (100.0, "0.7"),
    "noise.layer_weights": (1e3, "1"),
    "architecture.dropout": (0.95, "0.5"),
    "architecture.input_dropout": (0.95, "0.2"),
    "architecture.dropout_conv": (0.95, "0.25"),
    "architecture.dropout_dense": (0.95, "0.5"),
    "bottleneck.dropout": (0.95, "0.5"),
    "bottleneck.offset": (20.0, "-5"),
    "optimizer.weight_decay": (1.0, "1e-3"),
}
SMALL = {"noise.keep": (0.05, "0.5")}
HEAVY = 1e6  # a multiplier from which on it is suspected


def suspects(config: Mapping[str, Any], multipliers: Mapping[str, float]) -> list[str]:
    """The keys of a resolved config that may make numbers overflow, a phrase each; those of the noise come first."""
    found = [
        f"{key}={_shown(value)} may be too {size} ({usual} is usual)"
        for keys, size in ((LARGE, "large"), (SMALL, "small"))
        for key, (bound, usual) in keys.items()
        if (value := _value(config, key)) is not None
        and (_largest(value) >= bound if size == "large" else _largest(value) <= bound)
    ]
    return [*found, *(f"{name}={value:g} may be too large" for name, value in multipliers.items() if value >= HEAVY)]


def remedy(suspected: Sequence[str], first: bool) -> str:
    """What to try, in a line. `first`: whether it happened in the very first step, with the initial parameters."""
    told = " and ".join(suspected)
    if first:
        return told or AT_ONCE
    return f"{told}; or else {OTHERWISE}" if told else OTHERWISE


def _value(config: Mapping[str, Any], key: str) -> Any:
    group, name = key.split(".")
    return (config.get(group) or {}).get(name)


def _largest(value: Any) -> float:
    return max(value) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return f"[{','.join(f'{each:g}' for each in value)}]" if isinstance(value, list) else f"{value:g}"
