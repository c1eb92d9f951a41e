"""What runs wrote of laws that they measured themselves: the lines of thermodynamics.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.multipliers import MULTIPLIERS
from ib_cli.report.read import Run

if TYPE_CHECKING:
    from pandas import DataFrame

FILE = "thermodynamics.jsonl"


def recorded(runs: Sequence[Run]) -> DataFrame:
    """A row per line that has a number measured, of runs in any state.

    Columns: law, quantity, study, run (its id), the multipliers, predicted, measured, difference, error (stderr) and
    relative. The multipliers of a line stand before those of its run.
    """
    import pandas as pd

    rows = [_row(run, line) for run in runs for line in run.laws if isinstance(line.get("measured"), Real)]
    table = pd.DataFrame(rows)
    return table.dropna(axis=1, how="all") if len(table) else table


def _row(run: Run, line: Mapping[str, Any]) -> dict[str, Any]:
    given = line.get("multipliers")
    multipliers = {**run.multipliers, **(given if isinstance(given, Mapping) else {})}
    measured, predicted = float(line["measured"]), _number(line.get("predicted"))
    size = max(abs(measured), abs(predicted))
    return {
        "law": str(line.get("law") or line.get("quantity") or "unnamed"),
        "quantity": str(line.get("quantity") or ""),
        "study": run.study,
        "run": run.id,
        **{name: _number(multipliers.get(name)) for name in MULTIPLIERS},
        "predicted": predicted,
        "measured": measured,
        "difference": measured - predicted,
        "error": _number(line.get("stderr")),
        "relative": abs(measured - predicted) / size if size > 0 else np.nan,
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real) else np.nan
