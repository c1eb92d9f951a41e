"""Colours of multipliers: viridis without its palest end. Readable for the colour-blind; ordered in a grey print."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from ib_cli.report.read.points import Points

PLAIN = "#0072B2"  # if no multiplier varies (blue of Okabe and Ito 2008)
NEUTRAL = "#808080"  # for a multiplier of 0, which has no logarithm, and for a run without one
PALEST = 0.93
STEPS = 256


class Colours:
    """The logarithmic colour scale of a picture's multiplier. A line of a linear Gaussian model has no part in it."""

    def __init__(self, points: Points, curves: Collection[str] | None = None) -> None:
        """`curves`: the curves in the picture; None: all curves."""
        shown = points.table["curve"].isin(list(points.curves if curves is None else curves)).to_numpy(dtype=bool)
        shown = shown & ~points.linear
        values, coloured = points.colour_by[shown], set(points.table["curve"][shown])
        positive = values[values > 0]
        self.names = tuple(dict.fromkeys(name for curve, name in points.swept.items() if curve in coloured))
        self.low = float(positive.min()) if len(positive) else 1.0
        self.high = float(positive.max()) if len(positive) else 1.0

    @property
    def vary(self) -> bool:
        """True if the multiplier has two positive values or more."""
        return self.high > self.low

    @cached_property
    def map(self) -> Colormap:
        """Matplotlib's colour map."""
        import matplotlib
        from matplotlib.colors import ListedColormap

        return ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, PALEST, STEPS)), "viridis_to_print")

    def fraction(self, value: float) -> float | None:
        """Position on the scale, clipped to 0 … 1; None for a value that is not positive, or if none varies."""
        if not value > 0 or not self.vary:
            return None
        at = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return min(max(at, 0.0), 1.0)

    def shade(self, k: int, count: int) -> str:
        """`#rrggbb` of line k of `count`, for lines that differ in another multiplier."""
        return self._names[round((STEPS - 1) * k / max(count - 1, 1))]

    @cached_property
    def _names(self) -> list[str]:
        from matplotlib.colors import to_hex

        return [to_hex(colour) for colour in self.map(np.arange(STEPS))]

    def hexes(self, values: np.ndarray, steps: int = STEPS) -> list[str]:
        """Colour `#rrggbb` of each value, from at most `steps` different colours."""
        if not self.vary:
            return [PLAIN] * len(values)
        fractions = [self.fraction(float(value)) for value in values]
        return [
            NEUTRAL if at is None else self._names[round(round(at * (steps - 1)) / (steps - 1) * (STEPS - 1))]
            for at in fractions
        ]
