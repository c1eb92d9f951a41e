"""Colours of multipliers: viridis without its palest end. The colour-blind read it; a grey print keeps its order."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from ib_cli.report.read.points import Points

PLAIN = "#0072B2"  # where no multiplier varies (blue of Okabe and Ito 2008)
NEUTRAL = "#808080"  # of a multiplier that is 0, which has no logarithm, or that a run does not have
PALEST = 0.93
STEPS = 256


class Colours:
    """The multiplier that a picture is coloured by, on a logarithmic scale."""

    def __init__(self, points: Points, curves: Collection[str] | None = None) -> None:
        """`curves`: those that the picture shows; None: all."""
        shown = points.table["curve"].isin(list(points.curves if curves is None else curves)).to_numpy(dtype=bool)
        values = points.colour_by[shown]
        positive = values[values > 0]
        self.names = tuple(
            dict.fromkeys(name for curve, name in points.swept.items() if curves is None or curve in curves)
        )
        self.low = float(positive.min()) if len(positive) else 1.0
        self.high = float(positive.max()) if len(positive) else 1.0

    @property
    def vary(self) -> bool:
        """Whether there is anything to tell apart."""
        return self.high > self.low

    @cached_property
    def map(self) -> Colormap:
        """Matplotlib's colour map."""
        import matplotlib
        from matplotlib.colors import ListedColormap

        return ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, PALEST, STEPS)), "viridis_to_print")

    def fraction(self, value: float) -> float | None:
        """Where on the scale, 0 to 1; None for a value that is not on it."""
        if not value > 0 or not self.vary:
            return None
        at = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return min(max(at, 0.0), 1.0)

    def shade(self, k: int, count: int) -> str:
        """`#rrggbb` for the k-th of so many lines that something else than this multiplier tells apart."""
        return self._names[round((STEPS - 1) * k / max(count - 1, 1))]

    @cached_property
    def _names(self) -> list[str]:
        from matplotlib.colors import to_hex

        return [to_hex(colour) for colour in self.map(np.arange(STEPS))]

    def hexes(self, values: np.ndarray, steps: int = STEPS) -> list[str]:
        """A colour `#rrggbb` for each value, of so many different ones."""
        if not self.vary:
            return [PLAIN] * len(values)
        fractions = [self.fraction(float(value)) for value in values]
        return [
            NEUTRAL if at is None else self._names[round(round(at * (steps - 1)) / (steps - 1) * (STEPS - 1))]
            for at in fractions
        ]
