"""Slopes of frontiers and the weight ratios that the first law predicts for them, as the pictures show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

DECADES = 3  # shown below the diagonal


@dataclass(frozen=True)
class SlopeSeries:
    """n slopes −∂last/∂axis along one curve of a frontier.

    `slope` lies between the secants `low` and `high`. If one of them is not positive, `slope` is NaN and `positive`
    False.
    """

    frontier: str
    curve: str
    axis: str
    last: str
    rows: DataFrame  # n rows of the table of frontiers
    predicted: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rim: np.ndarray  # True for one-sided slopes, at the rim of a surface

    @property
    def positive(self) -> np.ndarray:
        """True for slopes that a logarithmic axis can show."""
        return np.isfinite(self.slope)

    @property
    def partial(self) -> bool:
        """True for a frontier of three functionals."""
        return self.frontier.count("-") == 2

    @property
    def bars(self) -> np.ndarray:
        """Lengths (2, m) of the m positive slopes' error bars: down to `low`, up to `high`."""
        shown = self.positive
        return np.stack([self.slope - self.low, self.high - self.slope])[:, shown].clip(min=0)


def slope_series(table: DataFrame) -> Iterator[SlopeSeries]:
    """A series per curve and axis in the table of frontiers, without points that lack a secant or a prediction."""
    if table.empty:
        return
    for (frontier, curve), rows in table.groupby(["frontier", "curve"], sort=False):
        *axes, last = str(frontier).split("-")
        for axis, name in zip(axes, ("slope", "slope_2")):
            columns = (f"{name}_predicted", name, f"{name}_low", f"{name}_high")
            if not set(columns) <= set(rows):
                continue
            known = rows[(rows[columns[0]] > 0) & np.isfinite(rows[list(columns[2:])]).all(axis=1)]
            if len(known):
                known = _marked_first(known, name)
                values = [known[column].to_numpy(dtype=float) for column in columns]
                rim = known["rim"].to_numpy(dtype=float) == 1 if "rim" in known else np.zeros(len(known), dtype=bool)
                yield SlopeSeries(str(frontier), str(curve), axis, last, known, *values, rim)


def _marked_first(rows: DataFrame, name: str) -> DataFrame:
    """Slopes that are not positive, or at the rim, moved to the end: a legend shows the form of the first mark."""
    rim = rows["rim"].fillna(0.0) if "rim" in rows else np.zeros(len(rows))
    return rows.iloc[np.lexsort((rim, ~np.isfinite(rows[name])))]


def axis_limits(series: Sequence[SlopeSeries]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of the x axis, with all ratios, and of the y axis, with all slopes not far below the diagonal."""
    ratios = np.concatenate([one.predicted for one in series])
    left, right = float(ratios.min()) / 2, float(ratios.max()) * 2
    found = np.concatenate([one.slope[one.positive] for one in series])
    lowest = np.concatenate([one.low[one.positive] for one in series])
    low = min(lowest.min(initial=np.inf) / 1.5, found.min(initial=np.inf) / 2, left)
    return (left, right), (max(low, left / 10**DECADES), max(found.max(initial=0.0) * 2, right))


def not_positive(series: Sequence[SlopeSeries]) -> str:
    """Legend text for the slopes marked at the lower edge, or ''."""
    count = sum(int((~one.positive).sum()) for one in series)
    return f"not positive: {count} of {sum(len(one.predicted) for one in series)}" if count else ""
