"""The points of a report as a LaTeX table, with booktabs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.contracts.labels import GREEK, has_units, mathtext
from ib_cli.report.panels.contents import Contents
from ib_cli.report.read.words import is_missing
from ib_cli.system.plain_text import printable

if TYPE_CHECKING:
    from pandas import Series

SPECIAL = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "&%$#_{}"}, "~": r"\textasciitilde{}",
           "^": r"\textasciicircum{}", "−": "$-$"}  # fmt: skip
LETTERS = {letter: rf"$\{name}$" for name, letter in GREEK.items()} | {"Ẑ": r"$\hat{Z}$", "Θ": r"$\Theta$"}


def latex(contents: Contents) -> str:
    """A `tabular` with a row per point: curve, multipliers, number of runs, and the drawn measures in the units.

    A point of several runs has its median and quartiles, m^{q3}_{q1}; what there is no value of is a dash.
    """
    table = contents.points.table
    curves = table["curve"].nunique() > 1
    multipliers = [name for name in MULTIPLIERS if name in table and table[name].notna().any()]
    measures = [name for name in contents.metrics if name in table]
    head = [*(["curve"] if curves else []), *(mathtext(name) for name in multipliers), "runs"]
    head += [_head(name, contents) for name in measures]
    rows = [
        [*([escaped(row["curve"])] if curves else []), *(_number(row[name], 0) for name in multipliers),
         str(int(row["runs"])), *(_measure(row, name, contents.scale(name)) for name in measures)]
        for _, row in table.sort_values(["curve", *multipliers]).iterrows()
    ]  # fmt: skip
    columns = "l" * curves + "r" * (len(multipliers) + 1 + len(measures))
    lines = [
        f"% {len(rows)} points, {contents.split} split, {contents.units}; medians with quartiles; needs booktabs",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *(" & ".join(cells) + r" \\" for cells in (head,)),
        r"\midrule",
        *(" & ".join(cells) + r" \\" for cells in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text from records as LaTeX prints it."""
    return "".join(SPECIAL.get(sign, LETTERS.get(sign, sign)) for sign in printable(text))


def _head(name: str, contents: Contents) -> str:
    symbol = mathtext(name)
    shown = symbol if symbol.startswith("$") else escaped(name)
    return f"{shown} ({contents.units})" if has_units(name, contents.own) else shown


def _measure(row: Series, name: str, scale: float) -> str:
    value, low, high = (row[f"{name}{end}"] * scale for end in ("", "_q1", "_q3"))
    if not math.isfinite(value):
        return "--"
    if row["runs"] < 2 or not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return _number(value, _decimals(value))
    digits = _decimals(value)
    return f"${value:.{digits}f}^{{{high:.{digits}f}}}_{{{low:.{digits}f}}}$"


def _decimals(value: float) -> int:
    """Decimals with which a number has four significant digits."""
    return 4 if value == 0 else min(max(3 - math.floor(math.log10(abs(value))), 0), 6)


def _number(value: Any, decimals: int) -> str:
    """A number with so many decimals; 0: as one writes it. A dash where there is none."""
    if is_missing(value):
        return "--"
    text = f"{value:.{decimals}f}" if decimals else f"{value:g}"
    mantissa, _, power = text.partition("e")
    return rf"${mantissa} \cdot 10^{{{int(power)}}}$" if power else f"${text}$"
