"""Groups of runs that pictures tell apart by dashes and marks beside their colours: those of one multiplier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents

MOST = 8  # groups that dashes and marks tell apart


class Group(NamedTuple):
    """Runs with one value of the swept multiplier, of one curve; '' or NaN where the groups do not differ in it."""

    curve: str
    value: float

    def title(self, names: Iterable[str], symbol: Callable[[str], str], text: Callable[[str], str] = str) -> str:
        """The curve and the value of the multipliers `names`, as `symbol` writes these."""
        of = " or ".join(symbol(name) for name in names)
        value = f"{of} = {self.value:g}" if np.isfinite(self.value) else ""
        return ", ".join(part for part in (text(self.curve), value) if part) or "others"


def run_groups(contents: Contents, runs: Iterable[int], curves: bool = True) -> dict[int, tuple[int, Group]]:
    """Row of a run → its group's number and the group; {} if the runs have one group, or too many to tell apart.

    `curves`: whether curves make groups of their own; they do not in pictures with a panel for each. Groups are of
    curve and multiplier if these are few, else of the multiplier, else of the curve.
    """
    rows = list(runs)
    names = {run: curve for curve, members in contents.by_curve(rows).items() for run in members}
    values = contents.run_colour_values
    whole = {run: Group(names.get(run, "") if curves else "", float(values[run])) for run in rows}
    if len({group.curve for group in whole.values()}) < 2:
        whole = {run: group._replace(curve="") for run, group in whole.items()}
    for parted in (
        whole,
        {run: group._replace(curve="") for run, group in whole.items()},
        {run: group._replace(value=float("nan")) for run, group in whole.items()},
    ):
        order = sorted({_key(group) for group in parted.values()})
        if 1 < len(order) <= MOST:
            return {run: (order.index(_key(group)), group) for run, group in parted.items()}
    return {}


def named_groups(groups: Mapping[int, tuple[int, Group]]) -> list[tuple[int, Group]]:
    """Each group once, in the order of the numbers."""
    return sorted(dict(groups.values()).items())


def _key(group: Group) -> tuple[str, bool, float]:
    """Sorts groups, those without a value last; NaN is unlike itself."""
    known = bool(np.isfinite(group.value))
    return group.curve, not known, group.value if known else 0.0
