"""A law's relation in every cell of a grid: prediction, measurement, and errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.report.laws.grid import Grid

if TYPE_CHECKING:
    from pandas import DataFrame

SURE = 0.05  # largest error of a sure cell, relative to the larger side
SHAKES = 1e-9  # relative to a side's largest value: a smaller change is rounding
BESIDE = "uses a run that is not to be trusted"  # the doubt of a cell whose own runs have none
NOTHING = 1e-7  # relative to a relation's largest value: smaller sides have no relative difference


@dataclass(frozen=True)
class Relation:
    """Both sides of a relation, `predicted` and `measured`: (4, 1 + seeds, *shape).

    First axis: the four derivatives of `FiniteDifferences.at`; length 1 without finite differences. Second axis: all
    seeds, then each seed left out.

    `predicted` is NaN without a prediction. `scale` replaces the larger side in relative differences, as the prediction
    of a violation is 0.
    """

    law: str
    statement: str
    grid: Grid
    along: str  # the multiplier on the x axis
    predicted: np.ndarray
    measured: np.ndarray
    scale: float | None = None
    peaks: np.ndarray | None = None  # (*shape) True at peaks of the measured value
    doubted: np.ndarray | None = None  # (*shape) True in cells that use a run that is not to be trusted; None: nowhere

    @property
    def value(self) -> np.ndarray:
        """Measured values (*shape)."""
        return self.measured[0, 0]

    @property
    def prediction(self) -> np.ndarray:
        """Predicted values (*shape)."""
        return self.predicted[0, 0]

    @property
    def difference(self) -> np.ndarray:
        """Measured minus predicted (*shape)."""
        return self.value - self.prediction

    @cached_property
    def seed_error(self) -> np.ndarray:
        """The jackknife error over seeds (Tukey 1958) of the difference, or of the value without a prediction.

        √((n − 1)/n Σ (θ₍ᵢ₎ − θ̄)²) of the n values with one seed left out. Noise that is alike at all points of a seed
        is not in it. NaN with one seed.
        """
        left_out = np.where(np.isnan(self.predicted), 0.0, self.predicted)[0, 1:]
        left_out = self.measured[0, 1:] - left_out
        n = len(left_out)
        if n < 2:
            return np.full(self.value.shape, np.nan)
        return np.sqrt((n - 1) / n * ((left_out - left_out.mean(0)) ** 2).sum(0))

    @cached_property
    def step_error(self) -> np.ndarray:
        """Error of the finite differences, see `finite_differences`; 0 without them."""
        return np.hypot(*(_of_steps(side[:, 0]) for side in (self.measured, self.predicted)))

    @property
    def error(self) -> np.ndarray:
        """Root of the summed squares of the seed error and the step error."""
        return np.hypot(np.nan_to_num(self.seed_error), self.step_error)

    @property
    def relative(self) -> np.ndarray:
        """|difference| over the larger side, or over `scale`; NaN if both sides are negligible."""
        if self.scale is not None:
            return np.abs(self.difference) / self.scale if self.scale > 0 else np.full(self.value.shape, np.nan)
        side = np.fmax(np.abs(self.value), np.abs(self.prediction))
        finite = side[np.isfinite(side)]
        floor = NOTHING * finite.max(initial=0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(side > floor, np.abs(self.difference) / side, np.nan)

    @property
    def shown(self) -> np.ndarray:
        """True in cells with a measured value."""
        return np.isfinite(self.value) & (self.grid.points >= 0)

    @property
    def sure(self) -> np.ndarray:
        """True in cells of trusted runs alone whose error is at most 5 % of the larger side, or of `scale`."""
        side = np.fmax(np.abs(self.value), np.abs(self.prediction))
        return (self.error <= SURE * (self.scale or side)) & self.trusted

    @property
    def trusted(self) -> np.ndarray:
        """True in cells that use no doubted run."""
        return np.ones(self.value.shape, dtype=bool) if self.doubted is None else ~self.doubted

    def doubted_by(self, shaken: Relation | None) -> Relation:
        """This relation, doubted where its sides differ from those of `Grid.shaken`; everywhere if it has none."""
        if shaken is None:
            return replace(self, doubted=np.ones(self.value.shape, dtype=bool))
        pairs = ((self.measured, shaken.measured), (self.predicted, shaken.predicted))
        moved = [_moved(side, other) for side, other in pairs]
        return replace(self, doubted=~self.trusted | self.grid.doubted | np.logical_or(*moved))

    def lines(self) -> Iterator[tuple[dict[str, float], tuple[Any, ...]]]:
        """Lines along the axis `along`: the other axes' multipliers, and the index of the line's cells in (*shape)."""
        grid = self.grid
        if self.along not in grid.axes:
            yield {}, (...,)
            return
        axis = grid.axes.index(self.along)
        for index in np.ndindex(grid.points.shape[:axis] + grid.points.shape[axis + 1 :]):
            others = [name for name in grid.axes if name != self.along]
            cells = (*index[:axis], slice(None), *index[axis:])
            yield {name: float(grid.ticks[name][i]) for name, i in zip(others, index)}, cells

    def table(self) -> DataFrame:
        """A row per cell with a measured value; the index is the row in the table of points."""
        import pandas as pd

        shown = self.shown
        columns = {
            "law": self.law,
            "relation": self.statement,
            "curve": self.grid.curve,
            "along": self.along,
            **{name: self.grid.at[name][shown] for name in MULTIPLIERS if name in self.grid.at},
            "predicted": self.prediction[shown],
            "measured": self.value[shown],
            "difference": self.difference[shown],
            "error": self.error[shown],
            "seed_error": self.seed_error[shown],
            "step_error": self.step_error[shown],
            "relative": self.relative[shown],
        }
        if self.peaks is not None:
            columns["peak"] = self.peaks[shown].astype(float)
        if not self.trusted.all():
            own = np.where(self.grid.doubted, self.grid.doubts, BESIDE)
            columns["doubt"] = np.where(self.trusted, None, own)[shown]
        return pd.DataFrame(columns, index=self.grid.points[shown])


def _moved(side: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True (*shape) where two versions of a side (4, 1 + seeds, *shape) differ by more than rounding."""
    finite = np.abs(side[np.isfinite(side)])
    same = np.isclose(side, other, rtol=SHAKES, atol=SHAKES * finite.max(initial=0.0), equal_nan=True)
    return ~same.all((0, 1))


def _of_steps(side: np.ndarray) -> np.ndarray:
    """The larger of |five-point − central derivative| and half of |right − left derivative|; 0 without derivatives."""
    if len(side) == 1:
        return np.zeros(side.shape[1:])
    fine, middle, left, right = side
    return np.fmax(np.nan_to_num(np.abs(fine - middle)), np.abs(right - left) / 2)


def summary(relations: Sequence[Relation]) -> DataFrame:
    """A row per relation with a prediction.

    Columns: points; median, 90 % quantile and maximum of the relative differences; root mean square of the differences
    over the root mean square of the larger sides (of the whole); sure points (`Relation.sure`) and the largest relative
    difference among them; number of differences beyond two errors; doubted points, which use a run that is not to be
    trusted.
    """
    import pandas as pd

    rows = []
    for relation in relations:
        compared = relation.shown & np.isfinite(relation.difference)
        if not compared.any():
            continue
        relative, difference = relation.relative[compared], np.abs(relation.difference[compared])
        sure = relation.sure[compared]
        side = np.fmax(np.abs(relation.value), np.abs(relation.prediction))[compared]
        size = relation.scale or np.sqrt((side**2).mean())
        beyond = difference > 2 * relation.error[compared] + NOTHING * size
        rows.append({
            "law": relation.law,
            "relation": relation.statement,
            "curve": relation.grid.curve,
            "points": int(compared.sum()),
            "median relative": _quantile(relative, 0.5),
            "90 % below": _quantile(relative, 0.9),
            "largest relative": _quantile(relative, 1),
            "of the whole": np.sqrt((difference**2).mean()) / size if size > 0 else 0.0,
            "sure points": int(sure.sum()),
            "largest relative of them": _quantile(relative[sure], 1),
            "largest difference": difference.max(),
            "beyond two errors": int(beyond.sum()),
            "doubted points": int((~relation.trusted[compared]).sum()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _quantile(values: np.ndarray, q: float) -> float:
    """Quantile of the finite values; NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, q)) if len(known) else np.nan
