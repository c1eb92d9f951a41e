"""The slopes that the pictures of the first law show, against the ratios of weights that they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

DECADES = 3  # below the diagonal that are shown


@dataclass(frozen=True)
class Slopes:
    """−∂last/∂axis along one curve of a frontier, (n,) each.

    `slope` lies between `low` and `high`; where one of these is not positive it is NaN, and `positive` False.
    """

    frontier: str
    curve: str
    axis: str
    last: str
    rows: DataFrame  # of the table of frontiers, one per slope
    predicted: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rim: np.ndarray  # one-sided: at the rim of a surface

    @property
    def positive(self) -> np.ndarray:
        """Which slopes a logarithmic axis can show."""
        return np.isfinite(self.slope)

    @property
    def partial(self) -> bool:
        """Whether the frontier has three functionals."""
        return self.frontier.count("-") == 2

    @property
    def bars(self) -> np.ndarray:
        """From the positive slopes down to `low` and up to `high`, (2, m)."""
        shown = self.positive
        return np.stack([self.slope - self.low, self.high - self.slope])[:, shown].clip(min=0)


def slopes(table: DataFrame) -> Iterator[Slopes]:
    """The series of a picture, from the table of frontiers; points without a slope or a prediction are in none."""
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
                yield Slopes(str(frontier), str(curve), axis, last, known, *values, rim)


def _marked_first(rows: DataFrame, name: str) -> DataFrame:
    """A legend takes the form of a series' first mark: those that are not positive, or at the rim, are the last."""
    rim = rows["rim"].fillna(0.0) if "rim" in rows else np.zeros(len(rows))
    return rows.iloc[np.lexsort((rim, ~np.isfinite(rows[name])))]


def limits(series: Sequence[Slopes]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of the two axes of a picture: all ratios, and all slopes but what is far below the diagonal."""
    ratios = np.concatenate([one.predicted for one in series])
    left, right = float(ratios.min()) / 2, float(ratios.max()) * 2
    found = np.concatenate([one.slope[one.positive] for one in series])
    lowest = np.concatenate([one.low[one.positive] for one in series])
    low = min(lowest.min(initial=np.inf) / 1.5, found.min(initial=np.inf) / 2, left)
    return (left, right), (max(low, left / 10**DECADES), max(found.max(initial=0.0) * 2, right))


def not_positive(series: Sequence[Slopes]) -> str:
    """What a legend says of the slopes that are marked at the lower edge; empty where there is none."""
    count = sum(int((~one.positive).sum()) for one in series)
    return f"not positive: {count} of {sum(len(one.predicted) for one in series)}" if count else ""
