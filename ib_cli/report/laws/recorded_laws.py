"""Laws that runs measured themselves: the lines of thermodynamics.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.report.read.runs import RecordedRun

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FILE = "thermodynamics.jsonl"
BESIDE = ("predicted", "error", "relative", "doubt")  # columns that may be missing


def recorded_laws(runs: Sequence[RecordedRun]) -> DataFrame:
    """A row per line with a number in `measured`, of runs in any state.

    Columns: law, quantity, study, run (its id), the multipliers, predicted, measured, difference, error (stderr),
    relative and doubt (why the line is not to be trusted). A line's own multipliers replace its run's.
    """
    import pandas as pd

    rows = [_row(run, line) for run in runs for line in run.laws if isinstance(line.get("measured"), Real)]
    table = pd.DataFrame(rows)
    return table.dropna(axis=1, how="all") if len(table) else table


def summary_lines(table: DataFrame) -> list[str]:
    """A line per law and quantity in the table of `recorded_laws`: both sides and the error, or a median over rows."""
    if table.empty:
        return []
    table = table.reindex(columns=dict.fromkeys([*table.columns, *BESIDE]))
    return [
        ", ".join(dict.fromkeys(filter(None, (law, quantity))))
        + (f": {_both(rows.iloc[0])}" if len(rows) == 1 else f": {_all(rows)}")
        for (law, quantity), rows in table.groupby(["law", "quantity"], sort=False)
    ]


def doubted(table: DataFrame) -> Series:
    """True for rows that are not to be trusted."""
    return table.reindex(columns=["doubt"])["doubt"].notna()


def _both(row: Series) -> str:
    predicted = f"predicted {row['predicted']:.4g}, " if np.isfinite(row["predicted"]) else ""
    error = f" ± {row['error']:.2g}" if np.isfinite(row["error"]) else ""
    doubt = f"; not to be trusted: {row['doubt']}" if isinstance(row["doubt"], str) else ""
    return f"{predicted}measured {row['measured']:.4g}{error}{doubt}"


def _all(rows: DataFrame) -> str:
    relative = rows["relative"].median()
    doubted = int(rows["doubt"].notna().sum())
    return (
        f"{len(rows)} recorded"
        + (f", relative difference {relative:.2g} (median)" if np.isfinite(relative) else "")
        + (f", {doubted} of them not to be trusted" if doubted else "")
    )


def _row(run: RecordedRun, line: Mapping[str, Any]) -> dict[str, Any]:
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
        "doubt": str(line["doubt"]) if line.get("doubt") else None,
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real) else np.nan
