"""Why J may not be finite: the keys of a config whose values make numbers overflow, and what else to try."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OTHERWISE = "clip=1, a longer schedule.warmup, or a bottleneck whose scale cannot run away"
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
FAST = 1.0  # a learning rate from which on it is suspected
DENSE = 30.0  # nats of the noise in each dimension of z: squares of z are near the largest number of float32


@dataclass(frozen=True)
class Suspects:
    """What in a config may be why J is not finite."""

    keys: Sequence[str] = ()  # a phrase each, such as "gamma=1e+30 may be too large"
    rate: str = "optimizer.lr"  # the key of the learning rate, with its value where that is known
    fast: bool = False  # whether the learning rate is suspected, too

    def remedy(self, first: bool) -> str:
        """What to try, in a line. `first`: whether it happened in the very first step, with the initial parameters."""
        if first:
            return " and ".join(self.keys) or AT_ONCE
        told = " and ".join([*self.keys, *([f"{self.rate} may be too large"] if self.fast else [])])
        others = f"try {OTHERWISE}" if self.fast else f"try less than {self.rate}, {OTHERWISE}"
        return f"{told}; or else {others}" if told else others


UNSUSPECTED = Suspects()


def became(terms: Mapping[str, float]) -> str:
    """Which of J and its parts are not finite, in words; J only where its parts are, whose sum is then too large."""
    broken = {name: value for name, value in terms.items() if not math.isfinite(value)}
    named = {name: value for name, value in broken.items() if name != "J"} or broken
    return " and ".join(f"{name} became {value}" for name, value in named.items())


def suspects(config: Mapping[str, Any], multipliers: Mapping[str, float], peak: float | None = None) -> Suspects:
    """The keys of a resolved config that may make numbers overflow; those of the noise come first.

    `peak`: the value of procedure.peak, where that is the learning rate in place of optimizer.lr.
    """
    found = [
        f"{key}={_shown(value)} may be too {size} ({usual} is usual)"
        for keys, size in ((LARGE, "large"), (SMALL, "small"))
        for key, (bound, usual) in keys.items()
        if (value := _value(config, key)) is not None
        and (_largest(value) >= bound if size == "large" else _largest(value) <= bound)
    ]
    found += _wide(config)
    found += [f"{name}={value:g} may be too large" for name, value in multipliers.items() if value >= HEAVY]
    key, rate = ("optimizer.lr", _value(config, "optimizer.lr")) if peak is None else ("procedure.peak", peak)
    if not isinstance(rate, int | float):
        return Suspects(found)
    return Suspects(found, f"{key}={rate:g}", rate >= FAST)


def _wide(config: Mapping[str, Any]) -> list[str]:
    """The targets of noise scaling that make z too large for its square."""
    size = _value(config, "bottleneck.size")
    targets = {key: _value(config, key) for key in ("procedure.start", "procedure.end")}
    return [
        f"{key}={nats:g} may be too large for bottleneck.size={size}"
        for key, nats in targets.items()
        if isinstance(size, int) and isinstance(nats, int | float) and nats >= DENSE * size
    ]


def _value(config: Mapping[str, Any], key: str) -> Any:
    group, name = key.split(".")
    return (config.get(group) or {}).get(name)


def _largest(value: Any) -> float:
    return max(value) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return f"[{','.join(f'{each:g}' for each in value)}]" if isinstance(value, list) else f"{value:g}"
