"""Runs → points: runs that differ in their seed only are one point, with median and quartiles.

Points that differ in their multipliers only lie on one curve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS, parse_weight
from ib_cli.contracts.errors import ConfigError
from ib_cli.report.read.paths import moved
from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import cosmetic, differing
from ib_cli.report.read.words import words
from ib_cli.system.plain_text import printable

if TYPE_CHECKING:
    from pandas import DataFrame

EXACT, BASELINE = "exact", "linear Gaussian model"  # names of curves of these runs, whatever model their configs have
LONGEST = 120  # letters of a curve's name
MOST_CURVES = 8  # more cannot be told apart in a picture
FIRST_KEYS = (
    "objective.name",
    "procedure._target_",
    "dataset._target_",
    "architecture._target_",
    "bottleneck._target_",
    "noise._target_",
)  # preferred in the names of curves


class Line(NamedTuple):
    """Points along one multiplier: the other multipliers' values, rows in ascending order, True if drawn as a line."""

    others: Mapping[str, float]
    rows: DataFrame
    joined: bool


@dataclass(frozen=True)
class Points:
    """`table` has a row per point: curve, multipliers, number of runs; median, `_q1` and `_q3` of each measure.

    `of_run` (runs,) is the point of each run; -1 for a run that is not done, lacks the split, or repeats a newer run.
    """

    table: DataFrame
    of_run: np.ndarray
    weights: tuple[Mapping[str, float], ...]  # per point: functional → weight; empty if its runs disagree
    swept: Mapping[str, str]  # curve → its multiplier with the most values; no entry without multipliers
    merged: bool  # True if the runs had too many curves and form one; neighbours then mean nothing
    moved: np.ndarray  # (points,) True where a run left its multipliers on a path
    linear: np.ndarray  # (points,) True for what a linear Gaussian model attains

    @property
    def curves(self) -> list[str]:
        """Names of the curves, in the order of their first runs."""
        return list(dict.fromkeys(self.table["curve"]))

    @property
    def regular(self) -> np.ndarray:
        """True for the points (points,) that pictures against a multiplier and the laws on a grid are of."""
        return ~(self.moved | self.linear)

    def varying_multipliers(self, curve: str) -> list[str]:
        """All multipliers with several values on the curve."""
        rows = self.table[self.table["curve"] == curve]
        return [name for name in MULTIPLIERS if name in rows.columns and rows[name].nunique() > 1]

    def lines(self, curve: str, measure: str) -> list[Line]:
        """The curve's points with this measure, along the swept multiplier: a line per value of the other multipliers.

        If the multipliers form no grid, as after a random search, one line that is not joined.
        """
        swept = self.swept.get(curve)
        rows = self.table[(self.table["curve"] == curve) & np.isfinite(self.table[measure]) & self.regular]
        if swept is None or rows.empty:
            return []
        rows = rows.sort_values(swept)
        others = [name for name in self.varying_multipliers(curve) if name != swept]
        if self.merged or not others:
            return [Line({}, rows, not self.merged)]
        parts = [part for _, part in rows.groupby(others, dropna=False)]
        if len(rows) < 2 * len(parts):
            return [Line({}, rows, False)]
        return [Line(part[others].iloc[0].dropna().to_dict(), part, True) for part in parts]

    @cached_property
    def colour_by(self) -> np.ndarray:
        """Value of the swept multiplier at each point (points,); NaN without one."""
        values = np.full(len(self.table), np.nan)
        for curve, name in self.swept.items():
            rows = (self.table["curve"] == curve).to_numpy()
            values[rows] = self.table[name].to_numpy(dtype=float)[rows]
        return values


def weights(run: RecordedRun) -> dict[str, float]:
    """Functional → its nonzero weight in the minimised Σ weight · functional; empty if unknown, or if it changed."""
    found: dict[str, float] = {}
    if moved(run):
        return found
    for symbol, text in run.minimise.items():
        try:
            weight, names = parse_weight(symbol, text)
        except ConfigError:  # a later version's objective: its frontier is drawn, its slope is not predicted
            return {}
        for name in names:
            if name not in run.multipliers:
                return {}
            weight *= run.multipliers[name]
        found[symbol] = weight
    return {symbol: weight for symbol, weight in found.items() if weight != 0}


def gather(
    runs: Sequence[RecordedRun], results: DataFrame, split: str, group_by: Sequence[str] | None = None
) -> Points:
    """The points of the finished runs, with the measures of one split.

    `group_by`: config keys that tell curves apart, beside the objective; None: every differing key except the seed and
    the multipliers. Curves of exact optima are named `EXACT`, those of reverse water-filling `BASELINE`. Raises
    ConfigError if `group_by` has an unknown key, a multiplier or the seed.
    """
    keys = _curve_keys(runs, group_by)
    done = [i for i, run in enumerate(runs) if run.status == "done" and run.result.get(split)]
    done = _once(runs, done)
    curve_of = {i: tuple(_value(runs[i], key) for key in keys) for i in done}
    merged = group_by is None and len(set(curve_of.values())) > MOST_CURVES
    points: dict[tuple[Any, ...], list[int]] = {}
    for i in done:
        points.setdefault((curve_of[i], tuple(sorted(runs[i].multipliers.items()))), []).append(i)
    order = list(dict.fromkeys(curve for curve, _ in points))
    points = dict(sorted(points.items(), key=lambda item: (order.index(item[0][0]), item[0][1])))
    kinds = {curve_of[i]: EXACT if runs[i].exact else BASELINE if runs[i].baseline else "" for i in done}
    kinds |= {curve_of[i]: "" for i in done if not (runs[i].exact or runs[i].baseline)}  # pooled with trained runs
    names: dict[tuple[Any, ...], str] = {}
    for kind in ("", EXACT, BASELINE):
        of_kind = curve_names([curve for curve in order if kinds[curve] == kind], keys)
        names |= {curve: ", ".join(part for part in (kind, name) if part) for curve, name in of_kind.items()}
    of_run = np.full(len(runs), -1)
    for number, members in enumerate(points.values()):
        of_run[members] = number
    curves = ["all runs" if merged else names[curve] or _objective(runs[of[0]]) for (curve, _), of in points.items()]
    table = _table(results, of_run, curves, list(points.values()), split)
    found = tuple(_agreed([weights(runs[i]) for i in members]) for members in points.values())
    left = np.array([any(moved(runs[i]) for i in members) for members in points.values()], dtype=bool)
    linear = np.array([all(runs[i].baseline for i in members) for members in points.values()], dtype=bool)
    return Points(table, of_run, found, _swept(table), merged, left, linear)


def _curve_keys(runs: Sequence[RecordedRun], group_by: Sequence[str] | None) -> list[str]:
    if group_by is None:
        return [key for key in differing(runs) if key != "seed" and key not in MULTIPLIERS]
    known = {key for run in runs for key in run.config} | {"study"}
    for key in group_by:
        if key not in known and not any(name.startswith(f"{key}.") for name in known):
            raise ConfigError(f"--group-by {key}: no run's config has this key; `bottleneck.size` would be one")
        if key in MULTIPLIERS or key == "seed":
            raise ConfigError(f"--group-by {key}: a point is one value of each multiplier over all seeds; name another")
    chosen = [
        name
        for key in group_by
        for name in ([key] if key in known else sorted(n for n in known if n.startswith(f"{key}.")))
        if name not in MULTIPLIERS
    ]
    mixed = len({run.config.get("objective.name") for run in runs}) > 1
    return [*(["objective.name"] if mixed else []), *chosen]  # points of different objectives are never joined


def _value(run: RecordedRun, key: str) -> Any:
    return run.study if key == "study" else run.config.get(key)


def _once(runs: Sequence[RecordedRun], done: Sequence[int]) -> list[int]:
    """The rows `done`, with the newest result only of runs with the same config and seed, in any study."""
    newest: dict[tuple[Any, ...], int] = {}
    for i in done:
        key = tuple(sorted((name, repr(value)) for name, value in runs[i].config.items() if not cosmetic(name)))
        key = key or (i,)
        if key not in newest or runs[i].written > runs[newest[key]].written:
            newest[key] = i
    return sorted(newest.values())


def curve_names(curves: Sequence[tuple[Any, ...]], keys: Sequence[str]) -> dict[tuple[Any, ...], str]:
    """Curve, its values of the config keys → name, made of the fewest keys that tell the curves apart."""
    distinct = list(curves)
    order = sorted(range(len(keys)), key=lambda k: (keys[k] not in FIRST_KEYS, "." in keys[k]))
    used: list[int] = []
    for k in order:
        now = len({tuple(curve[j] for j in used) for curve in distinct})
        if now == len(distinct):
            break
        if len({tuple(curve[j] for j in (*used, k)) for curve in distinct}) > now:
            used.append(k)
    names = {curve: ", ".join(words(keys[k], curve[k]) for k in sorted(used)) for curve in distinct}
    short = {curve: _shortened(name) for curve, name in names.items()}
    same = Counter(short.values())
    return {curve: f"{name} ({i})" if same[name] > 1 else name for i, (curve, name) in enumerate(short.items(), 1)}


def _shortened(name: str) -> str:
    """At most `LONGEST` letters, without the middle of a longer name."""
    name = printable(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 :]}"


def _objective(run: RecordedRun) -> str:
    """The name of a curve that needs no keys: the objective."""
    return words("objective.name", run.result.get("objective") or run.config.get("objective.name") or "runs")


def _table(
    results: DataFrame, of_run: np.ndarray, curves: list[str], members: list[list[int]], split: str
) -> DataFrame:
    import pandas as pd

    prefix = f"{split}/"
    measures = [name for name in results.columns if name.startswith(prefix)]
    grouped = results.loc[of_run >= 0, measures].groupby(of_run[of_run >= 0])
    columns: dict[str, Any] = {"curve": curves}
    first = [of[0] for of in members]
    for name in MULTIPLIERS:
        if name in results.columns:
            columns[name] = results[name].to_numpy(dtype=float)[first]
    columns["runs"] = [len(of) for of in members]
    for suffix, quantile in (("", 0.5), ("_q1", 0.25), ("_q3", 0.75)):
        values = grouped.quantile(quantile)
        for name in measures:  # a measure with the name of another column does not replace it
            columns.setdefault(f"{name.removeprefix(prefix)}{suffix}", values[name].to_numpy(dtype=float))
    return pd.DataFrame(columns)


def _agreed(found: list[dict[str, float]]) -> dict[str, float]:
    return found[0] if all(other == found[0] for other in found) else {}


def _swept(table: DataFrame) -> dict[str, str]:
    swept = {}
    names = [name for name in MULTIPLIERS if name in table.columns]
    for curve, rows in table.groupby("curve", sort=False):
        counts = {name: rows[name].nunique() for name in names}
        if counts and max(counts.values()) > 0:
            swept[str(curve)] = max(counts, key=counts.__getitem__)
    return swept
