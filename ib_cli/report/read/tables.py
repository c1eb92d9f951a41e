"""Runs → tables: a row per run, and a row per run, epoch and split."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.settings import COSMETIC
from ib_cli.contracts.labels import NATS_PER, has_units, in_order
from ib_cli.report.read.damage import SPLITS, is_number
from ib_cli.report.read.origins import COLUMNS as ORIGIN
from ib_cli.report.read.origins import origin_of
from ib_cli.report.read.paths import summary
from ib_cli.report.read.runs import RecordedRun
from ib_cli.system.atomic import replacing
from ib_cli.system.plain_tables import plain_cells
from ib_cli.system.plain_text import NumberText

if TYPE_CHECKING:
    from pandas import DataFrame

LARGEST_INTEGER = 2**63  # a file's column of integers holds less
HEAD = ("id", "study", "status", "objective", "lagrangian", "seed", "epochs", "planned_epochs", "seconds")
FLAGGED = ": flagged"  # ends the name of a column that says whether an estimate is to be trusted
OWN = "objective.functionals."
TAIL = (*ORIGIN, "unread_lines", "problem", "doubts", "folder")


def differing(runs: Sequence[RecordedRun]) -> list[str]:
    """Config keys whose values differ between the runs, without cosmetic keys."""
    configs = [run.config for run in runs if run.config]
    keys = dict.fromkeys(key for config in configs for key in config)
    first = configs[0] if configs else {}
    return [key for key in keys if not cosmetic(key) and any(config.get(key) != first.get(key) for config in configs)]


def own_functionals(runs: Iterable[RecordedRun]) -> frozenset[str]:
    """Symbols in the configs' `objective.functionals`."""
    return frozenset(key.removeprefix(OWN) for run in runs for key in run.config if key.startswith(OWN))


@cache
def cosmetic(key: str) -> bool:
    """True for a config key that is not part of a run's id, as it cannot change the run's numbers."""
    return any(key == name or key.startswith(f"{name}.") for name in COSMETIC)


def final_measures(run: RecordedRun) -> dict[str, dict[str, float]]:
    """Split → measures: the final evaluation of a finished run, else the last recorded line.

    With the latter go the steps and the drift of a path so far, which a finished run tells itself.
    """
    if run.status == "done":
        found = {
            split: {name: float(value) for name, value in run.result[split].items() if is_number(value)}
            for split in SPLITS
            if run.result.get(split)
        }
    else:
        found = {}
        for split in SPLITS:
            rows = np.flatnonzero(run.splits == split)
            if len(rows):
                last = {name: float(values[rows[-1]]) for name, values in run.metrics.items()}
                found[split] = {
                    name: value for name, value in last.items() if name not in ("epoch", "step") and np.isfinite(value)
                }
        if "train" in found:
            found["train"] |= summary(run)
    return found


def final_estimates(run: RecordedRun) -> dict[str, tuple[float, bool]]:
    """`split/quantity (estimator)` → value at the last estimated epoch, and whether it is flagged."""
    last: dict[str, tuple[float, float, bool]] = {}
    for line in run.estimates:
        if line.get("value") is None:
            continue
        name = f"{line['split']}/{line['quantity']} ({line['estimator']})"
        if name not in last or line["epoch"] >= last[name][0]:
            last[name] = line["epoch"], float(line["value"]), line.get("saturated", False)
    return {name: (value, flagged) for name, (_, value, flagged) in last.items()}


def results(runs: Sequence[RecordedRun]) -> DataFrame:
    """A row per run, in nats; row i is runs[i].

    Columns: id, study, status, objective, lagrangian, the multipliers, seed, epochs, planned_epochs, seconds,
    `split/measure`, `split/quantity (estimator)`, the same with `: flagged`, the differing config keys,
    when, where and by what the run was made (if a run says), unread_lines, problem, doubts (if a run has any), folder.
    """
    import pandas as pd

    names = [name for name in MULTIPLIERS if any(name in run.multipliers for run in runs)]
    finals = [final_measures(run) for run in runs]
    measures = [
        f"{split}/{name}"
        for split in SPLITS
        for name in in_order({name for final in finals for name in final.get(split, {})})
    ]
    keys = [key for key in differing(runs) if key not in {*HEAD, *TAIL, "name", *MULTIPLIERS}]
    rows = [_row(run, final, names, keys) for run, final in zip(runs, finals)]
    estimates = dict.fromkeys(name for run in runs for name in final_estimates(run))
    flags = [name + FLAGGED for name in estimates]
    optional = {"doubts", *ORIGIN}
    tail = [name for name in TAIL if name not in optional or any(row[name] not in (None, "") for row in rows)]
    table = pd.DataFrame(rows, columns=[*HEAD[:5], *names, *HEAD[5:], *measures, *estimates, *flags, *keys, *tail])
    for name in (*names, "seconds", *measures, *estimates):
        table[name] = table[name].astype(float)
    for name in ("seed", "epochs", "planned_epochs", *flags, *keys, *(name for name in ORIGIN if name in tail)):
        table[name] = _of_one_type([row.get(name) for row in rows])
    return table


def _of_one_type(values: Sequence[Any]) -> Any:
    """A column of a file: integers, numbers or truth values if all are; else texts. None stays empty."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    small = all(not isinstance(value, int) or abs(value) < LARGEST_INTEGER for value in values)
    whole = kinds <= {int} and small
    if whole or kinds == {bool}:
        return pd.array(list(values), dtype="Int64" if whole else "boolean")
    if small and kinds <= {int, float} and all(value is None or is_number(value) for value in values):
        return pd.array([np.nan if value is None else float(value) for value in values], dtype=float)
    texts = [None if value is None else _as_text(value) for value in values]
    if any(isinstance(text, NumberText) for text in texts):
        return pd.Series(texts, dtype=object)  # pandas' own texts would forget which are numbers
    return pd.array(texts, dtype=object)


def _as_text(value: Any) -> str:
    return NumberText(value) if is_number(value) else str(value)


def trajectory(runs: Sequence[RecordedRun]) -> DataFrame:
    """A row per run, epoch and split, in nats: `run` is the row of the results table."""
    import pandas as pd

    runs_with = [(i, run) for i, run in enumerate(runs) if len(run.splits)]
    sizes = [len(run.splits) for _, run in runs_with]
    names = dict.fromkeys(name for _, run in runs_with for name in run.metrics)
    ordered = [*(n for n in ("epoch", "step") if n in names), *in_order(set(names) - {"epoch", "step"})]
    columns: dict[str, Any] = {"run": np.repeat([i for i, _ in runs_with], sizes).astype(np.int32)}
    for name, of in (("id", lambda run: run.id), ("study", lambda run: run.study)):
        values = [of(run) for _, run in runs_with]
        codes, kinds = pd.factorize(np.array(values, dtype=object))
        columns[name] = pd.Categorical.from_codes(np.repeat(codes, sizes), kinds)
    columns["split"] = pd.Categorical(_joined([run.splits for _, run in runs_with]))
    for name in ordered:
        columns[name] = _joined(
            [run.metrics[name] if name in run.metrics else np.full(len(run.splits), np.nan) for _, run in runs_with]
        )
    table = pd.DataFrame(columns)
    for name in {"epoch", "step"} & set(ordered):
        table[name] = table[name].astype("Int64")
    return table


def converted(table: DataFrame, units: str, also: Iterable[str] = (), own: Collection[str] = ()) -> DataFrame:
    """The table with its measures and the columns `also` in the units; in bits, the names of these columns say so.

    `own`: symbols of functionals of a person's own, which are in nats as all functionals are.
    """
    if units == "nats":
        return table
    names = [name for name in table.columns if name in also or has_units(_bare(name), own)]
    table = table.assign(**{name: table[name] / NATS_PER[units] for name in names})
    return table.rename(columns={name: f"{name} ({units})" for name in names})


def _bare(name: str) -> str:
    """`test/I[X;Z] (mixture)` → `I[X;Z]`; '' for whether an estimate is flagged."""
    split, _, measure = name.partition("/")
    return "" if name.endswith(FLAGGED) else (measure if split in SPLITS else name).partition(" (")[0]


def write_parquet(table: DataFrame, file: Path, units: str) -> None:
    """Write with `units` in the file's metadata."""
    import pyarrow
    import pyarrow.parquet

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), b"units": units.encode()})
    with replacing(file) as part:
        pyarrow.parquet.write_table(arrow, part, compression="zstd")


def write_csv(table: DataFrame, file: Path) -> None:
    """Write as text that reads back as the same floats. A text that a spreadsheet would calculate has a ' before it."""
    with replacing(file) as part:
        plain_cells(table).to_csv(part, index=False)


def _row(
    run: RecordedRun, final: Mapping[str, Mapping[str, float]], names: Iterable[str], keys: Iterable[str]
) -> dict[str, Any]:
    return {
        "id": run.id,
        "study": run.study,
        "status": run.status,
        "objective": run.result.get("objective") or run.config.get("objective.name"),
        "lagrangian": run.result.get("lagrangian"),
        **{name: run.multipliers.get(name, np.nan) for name in names},
        "seed": run.result.get("seed", run.config.get("seed")),
        "epochs": run.epochs,
        "planned_epochs": run.config.get("epochs"),
        "seconds": run.result.get("seconds", np.nan),
        **{f"{split}/{name}": value for split, of in final.items() for name, value in of.items()},
        **{name: value for name, (value, _) in final_estimates(run).items()},
        **{name + FLAGGED: flagged for name, (_, flagged) in final_estimates(run).items()},
        **{key: run.config.get(key) for key in keys},
        **origin_of(run),
        "unread_lines": run.unread,
        "problem": run.problem,
        "doubts": "; ".join(run.doubts),
        "folder": run.place,
    }


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.array([], dtype=float)
