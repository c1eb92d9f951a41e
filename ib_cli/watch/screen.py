"""A run on the screen: a live bar and a closing table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import atexit
import math
from collections.abc import Collection, Iterable, Mapping
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ib_cli.contracts.labels import unit
from ib_cli.contracts.told_numbers import duration
from ib_cli.system.plain_text import printable
from ib_cli.watch.maker import made, other_maker
from ib_cli.watch.observer import Observer, RunInfo

LIVE = ("R", "C", "D", "J", "accuracy", "mse")  # measures shown during a run
# Order of the closing table; all other measures follow.
ORDER = ("J", "R", "C", "D", "S", "S/N", "V", "KL", "H_model[Y|X]", "accuracy", "error")
SPLITS = ("train", "validation", "test")
FOR_REPORTS = ("slack_", "KL[P|Q]", "I[Z;Θ|X]")  # measures that begin so are recorded, and not in the closing table
REASONS = 3  # most reasons shown for the flagged estimates of one estimator
LINE_WIDTH = 80  # columns of a plain line; a log file has no width of its own
PLAIN = str.maketrans(
    {
        "≤": "<=",
        "≥": ">=",
        "−": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "·": "*",
        "…": "...",
        "→": "->",
        "’": "'",
        "Θ": "Theta",
    }
    | dict(zip("αβγδλρσ", ("alpha", "beta", "gamma", "delta", "lambda", "rho", "sigma")))
)  # for terminals and files that cannot show more than ASCII


class Terminal(Console):
    """Standard output. If nobody reads it any more (`| head`), the program ends as other programs do."""

    def on_broken_pipe(self) -> None:
        """Called by rich. Raises BrokenPipeError; a run in progress can be continued."""
        raise BrokenPipeError


class Screen(Observer):
    """Shows a run on a console, by default standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Terminal()
        self._run: RunInfo | None = None
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._measures: dict[str, Mapping[str, Any]] = {}

    def start(self, run: RunInfo) -> None:
        """Prints the objective, the facts and the folder."""
        self._run = run
        rows = {**run.facts, "folder": _from_here(run.folder)}
        self._print(Text.assemble("minimise ", (self._readable(run.lagrangian), "bold")))
        _print_rows(self._console, rows)
        if run.first_epoch >= run.epochs > 0:
            self._print(Text(f"goes on after epoch {run.first_epoch}, the last one"))
        elif run.first_epoch > 0:
            self._print(Text(f"goes on at epoch {run.first_epoch + 1} of {run.epochs}"))

    def progress(self, epoch: int, step: int, steps: int, measures: Mapping[str, float]) -> None:
        """Moves the bar, if this is a terminal."""
        if self._run is None or not self._draws:
            return
        self._measures["train"] = measures
        if self._progress is None:
            self._progress = self._open(self._run)
        done = epoch + step / max(steps, 1)
        self._progress.update(self._progress.task_ids[0], completed=done, epoch=min(epoch + 1, self._run.epochs))

    @property
    def _draws(self) -> bool:
        """Whether there is a bar: in a terminal, and in a notebook that has widgets."""
        notebook = self._console.is_jupyter and find_spec("ipywidgets") is not None
        return self._console.is_interactive or notebook

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Shows a split's measures with the bar, or as plain lines if there is no bar."""
        if self._draws:
            self._measures[line["split"]] = line
        elif self._run is not None and self._run.epochs > 0:  # without epochs the closing table has it all
            width = len(str(self._run.epochs))
            parts = [f"epoch {line['epoch']:>{width}}/{self._run.epochs}", f"{line['split']:<5}"]
            parts += [f"{name} {number(line[name])}" for name in LIVE if isinstance(line.get(name), Real)]
            for text in packed(parts, LINE_WIDTH):
                self._print(Text(text))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Prints the closing table, bounds, time and paths; for a failed run also its error."""
        self._close()
        if result["status"] == "failed":
            self._print(Text(self._readable(f"failed: {result.get('error', 'no reason given')}"), style="bold red"))
        run = self._run
        _print_result(
            self._console, result, run.folder if run else None, own_symbols(run.config) if run else frozenset()
        )

    def interrupt(self, reason: str) -> None:
        """Closes the bar and prints the reason."""
        self._close()
        self._print(Text(self._readable(reason), style="yellow"))

    def _open(self, run: RunInfo) -> Progress:
        progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.total}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            expand=True,
        )
        progress.add_task("", total=run.epochs, completed=run.first_epoch, epoch=run.first_epoch + 1)
        self._live = Live(get_renderable=lambda: self._picture(progress), console=self._console, transient=True)
        self._live.start()
        atexit.register(self._close)  # a crash would leave the terminal without a cursor
        return progress

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = self._progress = None
            atexit.unregister(self._close)

    def _picture(self, progress: Progress) -> Group:
        measures = {split: self._measures[split] for split in SPLITS if split in self._measures}
        names = [name for name in LIVE if any(isinstance(of.get(name), Real) for of in measures.values())]
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, overflow="crop")
        for _ in names:
            table.add_column(justify="right", min_width=9, no_wrap=True, overflow="crop")
        table.add_row("", *(Text(name, style="bold") for name in names))
        for split, of in measures.items():
            table.add_row(Text(split, style="dim"), *(Text(number(of.get(name))) for name in names))
        return Group(progress, table)

    def _readable(self, text: str) -> str:
        return readable(text, self._console.encoding)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def own_symbols(config: Mapping[str, Any]) -> frozenset[str]:
    """The symbols of a person's own functionals in a resolved config."""
    return frozenset((config.get("objective") or {}).get("functionals") or ())


def show_finished(
    result: Mapping[str, Any],
    folder: Path,
    console: Console | None = None,
    own: Collection[str] = (),
    tracked: bool = False,
) -> None:
    """Prints the result of a run that was done before, and how to repeat the run; by default to standard output.

    `own`: symbols of a person's own functionals, which are amounts of information as all functionals are. `tracked`: a
    tracker was asked for, which a run that is done tells nothing.
    """
    console = console or Terminal()
    maker = other_maker(result)
    done = readable(f"done before{f', by {maker}' if maker else ''}", console.encoding)
    console.print(Text(done, style="bold green"), Text("rerun=true repeats it"), sep="; ", soft_wrap=True)
    if tracked:
        console.print(Text("its tracker is told nothing, as nothing was run"), soft_wrap=True)
    if "lagrangian" in result:
        lagrangian = readable(str(result["lagrangian"]), console.encoding)
        console.print(Text(lagrangian, style="bold"), soft_wrap=True)
    _print_result(console, result, folder, own)
    if when := made(result):
        _print_rows(console, {"made": when})


def show_measures(
    measures: Mapping[str, Mapping[str, Any]], estimates: Mapping[str, Mapping[str, Any]], own: Collection[str] = ()
) -> None:
    """Prints measures by split, and estimates by estimator and quantity, to standard output."""
    console = Terminal()
    console.print(_table(measures, console.encoding, own))
    if estimates:
        _print_estimates(console, estimates, "")


def number(value: Any) -> str:
    """A value with 4 significant digits; a dash where there is none."""
    return f"{value:#.4g}".rstrip(".") if isinstance(value, Real) else "-"


def readable(text: str, encoding: str) -> str:
    """The text on one line, without control characters and the like.

    If `encoding` lacks some of its characters, Greek letters and signs are spelled out in ASCII.
    """
    text = printable(text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN).encode(encoding, errors="replace").decode(encoding)
    return text


def packed(parts: Iterable[str], width: int) -> list[str]:
    """The parts, two spaces apart, on as few lines of `width` columns as possible; all but the first are indented."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(f"    {part}" if lines else part)
    return lines


def bounds(measures: Mapping[str, Any]) -> list[str]:
    """The bounds on mutual information that a split's measures give, in nats and bits."""
    found = []
    if isinstance(R := measures.get("R"), Real):
        found.append(f"I(X;Z) ≤ R = {_nats_and_bits(float(R))}")
    if isinstance(H := measures.get("H[Y]"), Real) and isinstance(C := measures.get("C"), Real):
        found.append(f"I(Y;Z) ≥ H[Y] − C = {_nats_and_bits(float(H) - float(C))}")
    return found


def _nats_and_bits(nats: float) -> str:
    return f"{number(nats)} nats = {number(nats / math.log(2))} bits"


def _print_result(console: Console, result: Mapping[str, Any], folder: Path | None, own: Collection[str]) -> None:
    splits = [split for split in SPLITS if result.get(split)]
    if splits:
        console.print(_table({split: result[split] for split in splits}, console.encoding, own))
        for text in bounds(result[splits[-1]]):
            console.print(Text(readable(f"{text} ({splits[-1]})", console.encoding)), soft_wrap=True)
    if result.get("estimates"):
        _print_estimates(console, result["estimates"])
    rows = {"time": duration(result["seconds"])} if isinstance(result.get("seconds"), Real) else {}
    for part, what in (("compile_seconds", "to compile"), ("estimate_seconds", "for estimates")):
        if isinstance(result.get(part), Real):
            rows["time"] += f", {duration(result[part])} of it {what}"
    if isinstance(best := result.get("best"), Mapping):
        rows["best"] = f"epoch {best.get('epoch')}: {best.get('split')} {best.get('watch')} {number(best.get('value'))}"
    if folder is not None:
        rows["folder"] = _from_here(folder)
        if (folder / "result.json").exists():  # not where the disk is full
            rows["result"] = _from_here(folder / "result.json")
        figures = sorted(file.name for file in (folder / "figures").glob("*.png"))
        if figures:
            rows["figures"] = f"{_from_here(folder / 'figures')}: {', '.join(figures)}"
    _print_rows(console, rows)


def _table(splits: Mapping[str, Mapping[str, Any]], encoding: str, own: Collection[str]) -> Table:
    found = dict.fromkeys(
        name
        for measures in splits.values()
        for name, value in measures.items()
        if isinstance(value, Real) and not name.startswith(FOR_REPORTS)
    )
    names = [name for name in ORDER if name in found] + [name for name in found if name not in ORDER]
    table = Table(header_style="bold")
    table.add_column("measure", overflow="fold")
    for split in splits:
        table.add_column(Text(readable(split, encoding)), justify="right", no_wrap=True)
    table.add_column("unit")
    for name in names:
        values = (Text(number(measures.get(name))) for measures in splits.values())
        table.add_row(Text(readable(name, encoding)), *values, Text(unit(name, "nats", own)))
    return table


def _print_estimates(
    console: Console, estimates: Mapping[str, Mapping[str, Any]], where: str = ", for the reasons in estimates.jsonl"
) -> None:
    """One column per estimator, as many as fit; `?` after a flagged value. `where`: what has all reasons."""
    quantities = list(dict.fromkeys(name for of in estimates.values() for name in of))
    table = Table(header_style="bold")
    table.add_column("estimate", overflow="fold")
    for name in estimates:
        table.add_column(Text(readable(name, console.encoding)), justify="right", no_wrap=True)
    for quantity in quantities:
        cells = [of.get(quantity) for of in estimates.values()]
        shown = (Text("" if cell is None else readable(_flagged(cell), console.encoding)) for cell in cells)
        table.add_row(Text(readable(quantity, console.encoding)), *shown)
    console.print(table)
    if any(cell["saturated"] for of in estimates.values() for cell in of.values()):
        console.print(Text(f"nats; ? not to be trusted{where}:"), soft_wrap=True)
        _print_rows(console, {name: text for name, of in estimates.items() if (text := _doubts(of))})


def _doubts(estimates: Mapping[str, Mapping[str, Any]]) -> str:
    """The first reasons for the flagged values of one estimator, without repetitions."""
    flagged = (cell for cell in estimates.values() if cell["saturated"])
    reasons = list(dict.fromkeys(reason for cell in flagged for reason in cell.get("reason", "").split("; ") if reason))
    return "; ".join(reasons[:REASONS]) + (f"; {len(reasons) - REASONS} more" if len(reasons) > REASONS else "")


def _flagged(estimate: Mapping[str, Any]) -> str:
    bound = "≤" if estimate["lower"] is None and estimate["upper"] is not None else ""
    return bound + number(estimate["value"]) + ("?" if estimate["saturated"] else " ")


def _print_rows(console: Console, rows: Mapping[str, str]) -> None:
    """Prints aligned rows. A long text wraps below its beginning; one without spaces stays whole, as paths must."""
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        lines = _wrapped(readable(text, console.encoding), min(console.width, LINE_WIDTH) - width - 2)
        console.print(
            Text.assemble((f"{readable(name, console.encoding):<{width}}", "dim"), "  ", lines[0]), soft_wrap=True
        )
        for line in lines[1:]:
            console.print(Text(" " * (width + 2) + line), soft_wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _from_here(path: Path) -> str:
    """The path as one would type it: relative to the working directory if it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path)
