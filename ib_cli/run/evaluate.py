"""ib-evaluate: finished runs, measured anew on other data or by other estimators. Nothing of a run changes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import counted
from ib_cli.run.changeable import CHANGEABLE, check_words
from ib_cli.run.chosen_samples import add_flags, check_flags, check_not_read, chosen_split, named
from ib_cli.system.command_line import Parser, add_version, exit_codes
from ib_cli.system.places import is_there
from ib_cli.system.plain_text import printable
from ib_cli.system.uncollected import uncollected

if TYPE_CHECKING:
    from ib_cli.run.loaded_run import Run

# What a row has of each estimate → the end of the column's name.
ENDS = {"value": "", "stderr": "_stderr", "saturated": "_saturated", "reason": "_reason"}
FORMATS = (".csv", ".jsonl", ".parquet")
EPILOG = """\
Words key=value hold for this command only: eval_samples, eval_batch_size, estimators.*, dataset.root, dataset.path,
dataset.download, device, precision. A word in brackets needs quotes in most shells.
Estimates are made where estimators.use is given.

  ib-evaluate outputs/runs/4f0c2a91d7 eval_samples=100
  ib-evaluate outputs/information_plane 'estimators.use=[kraskov,gaussian]' --output all.csv
  ib-evaluate outputs/runs/4f0c2a91d7 --data shifted.npz
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    made = Parser(
        "ib-evaluate",
        description="Measure finished runs anew, without training: other data, other estimators, more draws.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.keys = CHANGEABLE
    add_version(made)
    made.add_argument("words", nargs="+", metavar="RUN", help="folders of runs or studies; also key=value")
    add_flags(made, "x and y as the data set stores them")
    made.add_argument(
        "--output", type=Path, metavar="FILE", help=f"a row per run, in nats: {', '.join(FORMATS)} by its ending"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script `ib-evaluate`."""
    with exit_codes("ib-evaluate"):
        _evaluate(parser().parse_intermixed_args(arguments))


def _evaluate(options: argparse.Namespace) -> None:
    with uncollected():
        from ib_cli.run.finished_words import runs_of

    check_flags(options)
    check_words(options.words, parser())
    if options.output is not None and options.output.suffix not in FORMATS:
        raise ConfigError(f"--output {options.output}: must end in {', '.join(FORMATS)}")
    estimated = any(word.startswith("estimators.use=") and word != "estimators.use=[]" for word in options.words)
    runs = runs_of(options.words)
    if not runs:
        raise ConfigError("none of these runs is done")
    check_not_read(options, runs)
    rows = [_measured(run, options, estimated) for run in sorted(runs, key=_place)]
    if options.output is not None:
        replaced = " (in place of an older file)" if is_there(options.output) else ""
        _write(rows, options.output)
        print(f"{printable(options.output)}: {counted(len(rows), 'row')}{replaced}")


def _place(run: Run) -> tuple[list[tuple[str, float]], int]:
    """Where a run stands among others: by its multipliers, then by its seed."""
    found = [(name, float(run.config[name])) for name in MULTIPLIERS if isinstance(run.config.get(name), int | float)]
    return found, int(run.config.get("seed", 0))


def _measured(run: Run, options: argparse.Namespace, estimated: bool) -> dict[str, Any]:
    """Shows the measures of a run, and returns them as a row."""
    from ib_cli.run.process import set_threads
    from ib_cli.watch.screen import own_symbols, show_measures

    with named(options.data or run.folder):
        split = chosen_split(run, options, labelled=True)
        set_threads(run.experiment.settings, run.model)
        measures = run.evaluate(split)
        table = run.estimate(split) if estimated else None
    chosen = ", ".join(f"{name}={run.config[name]:g}" for name in run.experiment.multipliers)
    print(f"{printable(run.folder)}  {chosen}")
    by_estimator: dict[str, dict[str, Any]] = {}
    row = {"run": str(run.folder), "split": split, **run.experiment.multipliers, **measures}
    for line in [] if table is None else table.astype(object).where(table.notna(), None).to_dict("records"):
        by_estimator.setdefault(line["estimator"], {})[line["quantity"]] = line
        row |= {f"{line['estimator']}/{line['quantity']}{end}": line[key] for key, end in ENDS.items()}
    show_measures({split: measures}, by_estimator, own_symbols(run.config))
    return row


def _write(rows: Sequence[dict[str, Any]], file: Path) -> None:
    import pandas as pd

    from ib_cli.system.atomic import replacing
    from ib_cli.system.plain_tables import plain_cells

    with replacing(file) as part:
        if file.suffix == ".jsonl":
            part.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        elif file.suffix == ".csv":
            plain_cells(pd.DataFrame(rows)).to_csv(part, index=False)
        else:
            pd.DataFrame(rows).to_parquet(part, index=False)
