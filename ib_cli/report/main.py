"""ib-report: records → tables, frontiers, figures and one page.

Exit codes: 0, written; 1, a full disk and the like; 2, a wrong command or nothing to report; 128 + n, stopped by
signal n, as 130 by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.told_numbers import duration
from ib_cli.report.report_parser import ReportParser
from ib_cli.study.kept_files import check_output_folder
from ib_cli.system.command_line import add_version, exit_codes
from ib_cli.system.matplotlib_import import import_matplotlib
from ib_cli.system.places import is_folder, is_there
from ib_cli.system.plain_text import printable
from ib_cli.system.signals import STOPS, Interrupted
from ib_cli.system.temporary import settle_temporary
from ib_cli.system.uncollected import uncollected

if TYPE_CHECKING:
    from ib_cli.report.panels.contents import Contents
    from ib_cli.report.read.runs import Reader, RecordedRun

MOST_STUDIES = 8  # named in the line of counts
MOST_PROBLEMS = 20  # runs that are not done printed one by one; the page lists all
SECONDS = 10.0  # between two checks of --watch
IMPORTED = (
    "ib_cli.report.read.runs", "pandas", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf",
    "ib_cli.report.page.page", "ib_cli.report.write",
)  # fmt: skip
EPILOG = """\
Writes results.csv and .parquet (a row per run), trajectory.parquet (a row per run, epoch and split), frontier.csv,
figures/*.png and *.pdf, and report.html, which opens without a network; with --thermodynamics thermodynamics.csv.

  ib-report outputs/information_plane
  ib-report outputs/a outputs/b --output outputs/a_and_b --group-by objective.name
  ib-report outputs/therml_thermodynamics --thermodynamics
  ib-report outputs/information_plane --units bits --split train --watch 30
"""


def parser() -> ReportParser:
    """The parser of the command line."""
    made = ReportParser(
        "ib-report",
        description="Tables, frontiers, figures and one HTML page of the runs in folders.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_version(made)
    made.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="a study's folder, a run's, or all of outputs"
    )
    made.add_argument("--output", type=Path, metavar="DIR", help="where to write; default: the study's folder")
    made.add_argument(
        "--group-by",
        action="extend",
        nargs="+",
        metavar="KEY",
        help="config keys that tell curves apart, such as architecture or bottleneck.size; default: all that differ "
        "but seed and multipliers. Runs of a curve with the same multipliers are one point: median and quartiles",
    )
    made.add_argument("--metric", action="extend", nargs="+", default=[], metavar="NAME", help="measures to draw")
    made.add_argument("--split", choices=("test", "train", "validation"), help="default: test, where there is one")
    made.add_argument("--units", choices=("nats", "bits"), default="nats", help="default: nats")
    made.add_argument(
        "--thermodynamics",
        action="store_true",
        help="measure the laws of TherML on the grid of multipliers: first law, Maxwell relations, susceptibilities, "
        "convexity, free rate; on the train split unless --split names another",
    )
    made.add_argument("--latex", action="store_true", help="also write points.tex: the points as a table for a paper")
    made.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=SECONDS,
        metavar="SECONDS",
        help=f"write again whenever records have changed, looking every {SECONDS:g} seconds, until Ctrl-C",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script `ib-report`."""
    with exit_codes("ib-report"):
        _report(parser().parse_args(arguments))


def _report(options: argparse.Namespace) -> None:
    for folder in options.folders:
        if not is_folder(folder):
            raise ConfigError(f"{folder}: {'no folder' if is_there(folder) else 'no such folder'}")
    if options.output is not None:
        check_output_folder(options.output)
    settle_temporary(options.output or options.folders[0])
    _import_all()
    from ib_cli.report.read.runs import Reader

    reader = Reader()
    if options.watch is not None and not reader.read(options.folders):
        print(f"watching    every {options.watch:g} s for the first run; Ctrl-C ends", flush=True)
        while not reader.read(options.folders):
            time.sleep(options.watch)
    runs = _read(reader, options.folders)
    output = options.output or _output(options.folders, runs)
    _write(runs, output, options)
    if options.watch is not None:
        _watch(reader, output, options)


def _import_all() -> None:
    """Import what every report takes, once for the process, without looking for garbage in it."""
    if "ib_cli.report.write" not in sys.modules:
        with uncollected():
            import_matplotlib()
            for name in IMPORTED:
                importlib.import_module(name)


def _read(reader: Reader, folders: Sequence[Path]) -> list[RecordedRun]:
    """All runs in the folders; prints their counts. Raises ConfigError for a folder without a run."""
    from ib_cli.contracts.labels import counted

    started = time.monotonic()
    runs = reader.read(folders)
    for folder in reader.without:
        hidden = [run.folder for run in runs if run.folder.is_relative_to(folder.resolve())]
        if hidden:
            raise ConfigError(
                f"{folder} holds no run of ib-train that can be read, and {counted(len(hidden), 'folder')} cannot be "
                f"read, such as {hidden[0]}: name a study's folder, such as outputs/NAME"
            )
        empty = "is empty" if not any(folder.iterdir()) else "holds no run of ib-train"
        raise ConfigError(f"{folder} {empty}: name a study's folder, such as outputs/NAME")
    studies = ", ".join(sorted({run.study for run in runs})[:MOST_STUDIES])
    _say(
        f"read        {counted(len(runs), 'run')} ({studies}) in {duration(time.monotonic() - started)}: "
        f"{_counts(runs)}"
    )
    return runs


def _counts(runs: Sequence[RecordedRun]) -> str:
    from ib_cli.report.read.runs import STATUSES

    counts = Counter(run.status for run in runs)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])


def _output(folders: Sequence[Path], runs: Sequence[RecordedRun]) -> Path:
    """The only folder; `report` inside a single run's folder; else `report` in the common parent of several folders."""
    if len(folders) == 1:
        alone = any(run.folder == folders[0].resolve() for run in runs)
        return folders[0] / "report" if alone else folders[0]
    return Path(os.path.commonpath([folder.resolve() for folder in folders])) / "report"


def _write(runs: Sequence[RecordedRun], output: Path, options: argparse.Namespace) -> None:
    """Write all files and print a line per kind."""
    from ib_cli.report.panels.contents import contents
    from ib_cli.report.write import write_figures, write_page, write_tables

    metrics, keys = _split_commas(options.metric) or (), _split_commas(options.group_by)
    made = contents(runs, options.split, options.units, metrics, keys, options.thermodynamics)
    notes = _notes(made, options.split or "test")
    problems = [run for run in (*made.runs, *made.measured.undone) if run.status != "done"]
    for run in problems[:MOST_PROBLEMS]:
        _say(f"{run.status:<11} {run.study}/{run.id}: {run.problem}")
    if len(problems) > MOST_PROBLEMS:
        print(f"            and {len(problems) - MOST_PROBLEMS} more, listed on the page")
    for note in notes:
        _say(f"note        {note}")
    for line in _laws(made):
        _say(f"law         {line}")
    _told("tables", output, write_tables, made, output, options.latex)
    _told("figures", output / "figures", write_figures, made, output / "figures")
    title = ", ".join(dict.fromkeys(run.study for run in runs))
    _told("page", output, write_page, made, output, title, notes, options.watch)


def _told(what: str, where: Path, write: Any, *arguments: Any) -> None:
    started = time.monotonic()
    files = [file.name for file in write(*arguments)]
    shown = ", ".join(files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
    _say(f"{what:<11} {where}: {shown or 'none'} ({duration(time.monotonic() - started)})")


def _say(line: str) -> None:
    """Print a line, whatever names from records it holds."""
    print(printable(line), flush=True)


def _notes(made: Contents, wanted: str) -> list[str]:
    """Remarks needed to read the pictures correctly. `wanted`: the requested split."""
    from ib_cli.contracts.labels import counted
    from ib_cli.report.panels.cross_entropies import left_out as no_cross_entropies
    from ib_cli.report.panels.i_diagrams import left_out as no_i_diagrams
    from ib_cli.report.panels.paths import left_frontiers
    from ib_cli.report.quantities.exact_limit import transitions

    notes = []
    found = made.measured
    if found.joined:
        notes.append(
            f"{counted(len(found.joined), 'run')} that measured others: in the rows of those, not in their own"
        )
    if found.lost:
        notes.append(
            f"nothing is shown of {counted(len(found.lost), 'run')} that measured runs which are not done, or not in "
            "this report"
        )
    if made.split != wanted:
        notes.append(f"no run has measures of the {wanted} split: those of the {made.split} split are shown")
    unsure = [run for run in made.runs if run.doubts]
    if unsure and made.thermodynamics is None:
        notes.append(
            f"{counted(len(unsure), 'run')} with averages not to be trusted: see the column doubts of results.csv; the "
            f"first says: {unsure[0].doubts[0]}"
        )
    if damaged := sum(run.status == "damaged" for run in made.runs):
        notes.append(f"nothing is drawn of {counted(damaged, 'damaged run')}: rerun=true makes such a run anew")
    if cut := sum(run.unread for run in made.runs):
        notes.append(f"{counted(cut, 'line')} of records could not be read (cut by a kill) and left out")
    if made.points.table.empty:
        notes.append(f"no run is done with measures of the {made.split} split: no frontier")
    if made.points.merged:
        notes.append("the runs differ in too many ways for a curve each: one curve of all; --group-by KEY parts them")
    if lacking := len(made.plane.unestimated):
        notes.append(
            f"the information plane shows bounds: {counted(lacking, 'finished run')} without both I[X;Z] and I[Y;Z] "
            f"estimated on the {made.estimated.split} split"
        )
    if made.plane.paths and made.plane.split != made.split:
        notes.append(f"the information plane shows estimates on the {made.plane.split} split")
    notes += transitions(made.runs)
    notes += [reason for reason in (no_cross_entropies(made), no_i_diagrams(made)) if reason]
    if count := left_frontiers(made):
        notes.append(
            f"{counted(count, 'run')} changed λ, γ or the law of the data on the way: in the pictures of paths, and in "
            "no frontier"
        )
    left = sum(run.status == "done" for run in made.runs) - int((made.points.of_run >= 0).sum())
    if left and not made.points.table.empty:
        notes.append(
            f"{counted(left, 'done run')} in no point: no {made.split} split, or a newer run of the same config"
        )
    if made.thermodynamics is not None:
        notes += [f"thermodynamics: {remark}" for remark in made.thermodynamics.remarks]
        if rows := len(made.thermodynamics.recorded):
            notes.append(
                f"thermodynamics: {counted(rows, 'line')} that runs wrote themselves, from thermodynamics.jsonl"
            )
        if made.thermodynamics.relations:
            notes.append(f"thermodynamics: measured on the {made.thermodynamics.split} split, in nats")
    return notes


def _laws(made: Contents) -> list[str]:
    """A line per law that runs measured themselves, and a line per measured relation."""
    if made.thermodynamics is None:
        return []
    from ib_cli.report.laws.recorded_laws import summary_lines

    rows = made.thermodynamics.summary.to_dict("records")
    return summary_lines(made.thermodynamics.recorded) + [
        f"{row['law']}, {row['relation']}: {row['points']} points, relative difference {row['median relative']:.2g} "
        + (
            f"(median), {row['largest relative of them']:.2g} (largest of {row['sure points']} sure ones)"
            if row["sure points"]
            else "(median); no point is sure"
        )
        for row in rows
    ]


def _watch(reader: Reader, output: Path, options: argparse.Namespace) -> None:
    """Report again after each change, until Ctrl-C or SIGTERM; then raise Interrupted.

    The first signal ends the watch between two reports. Raised during a report it could get lost: Python ignores
    exceptions in callbacks of weak references, and Matplotlib has many. A second Ctrl-C ends the watch at once.
    """
    from ib_cli.report.write import stop_refreshing

    asked, numbers = threading.Event(), []

    def ask(number: int, frame: FrameType | None) -> None:
        numbers.append(number)
        asked.set()
        signal.signal(number, usual[signal.Signals(number)])

    usual: dict[signal.Signals, Any] = {number: signal.signal(number, ask) for number in STOPS}  # handlers
    before = reader.state
    print(f"watching    every {options.watch:g} s; Ctrl-C ends", flush=True)
    try:
        while not asked.wait(options.watch):
            runs = reader.read(options.folders)
            if reader.state != before:
                print(time.strftime("%H:%M:%S    "), end="")
                print(_counts(runs), flush=True)
                if runs:
                    _write(runs, output, options)
            before = reader.state
        raise Interrupted(numbers[0])
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        stop_refreshing(output)


def _split_commas(words: list[str] | None) -> list[str] | None:
    """Names separated by spaces or commas; a comma inside brackets belongs to the name."""
    return None if words is None else [name for word in words for name in re.split(r",(?![^\[]*\])", word) if name]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0 (DIR goes before --watch)")
    return value


if __name__ == "__main__":
    main()
