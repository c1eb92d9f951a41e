"""python -m benchmarks: speed against other ways to do the same work, side by side, in one run.

    python -m benchmarks [SECTION …] [--root DIR] [--repeats N] [--page FILE] [--json FILE] [--seconds N] [--tiny]
    python -m benchmarks autoencoders --peer PYTHON [--images N] [--epochs N] …
    python -m benchmarks waiting --before COMMIT …

Prints a table of each section and puts its rows into docs/benchmarks.md, row by row, so that what is measured stays
where the command is cut short. Exit codes: 0, also where a target is missed, and 2 where the command is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import page
from benchmarks.measure import HEADER, Options, PeerError, Row, record

# Sections and their modules, each with a TITLE and `rows(options)`; imported only when they are run.
SECTIONS = {
    "loader": "loader",
    "step": "step",
    "peers": "peers",
    "sweep": "sweep",
    "toy": "toy",
    "start-up": "start_up",
    "waiting": "waiting",
    "estimators": "estimates",
    "gpu": "gpu",
    "autoencoders": "autoencoders.section",
}
WITHOUT_DATA = {"toy", "start-up", "waiting", "estimators", "gpu"}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main(words: Sequence[str] | None = None) -> int:
    """Run the sections; returns the exit code."""
    arguments = parser().parse_args(words)
    if wrong := mistake(arguments):
        print(f"benchmarks: {wrong}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 160)
    options = Options(
        arguments.root.resolve(), arguments.repeats, arguments.seconds, arguments.tiny, arguments.peer,
        arguments.images, arguments.epochs, arguments.before,
    )  # fmt: skip
    records: dict[str, list[dict[str, Any]]] = {}
    for section in chosen(arguments):

        def store(rows: Sequence[Row], section: str = section) -> None:
            records[section] = [record(row) for row in rows]
            if arguments.json is not None:
                write_json(arguments.json, records)

        try:
            console.print(run(section, options, arguments.page, console, store))
        except PeerError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 2
    return 0


def chosen(arguments: argparse.Namespace) -> list[str]:
    """The sections to run: without any given, all that need no other environment."""
    return list(dict.fromkeys(arguments.sections)) or [name for name in SECTIONS if name != "autoencoders"]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios of speed, measured in turns.")
    told = f"of {', '.join(SECTIONS)}; none: all but autoencoders"
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=told)
    parser.add_argument("--root", type=Path, default=Path("data"), help="holds MNIST/raw and cifar-10-batches-py")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each row")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the tables are written")
    parser.add_argument("--json", type=Path, help="where machine and rows are written as JSON, if anywhere")
    parser.add_argument("--seconds", type=float, help="that `gpu` may take: no row begins after them")
    parser.add_argument("--tiny", action="store_true", help="only try `gpu`, with tiny sizes and on a CPU if need be")
    parser.add_argument("--peer", type=Path, help="of `autoencoders`: the interpreter of an environment with pythae")
    parser.add_argument("--images", type=int, help="of `autoencoders`: training images; by default all 60,000")
    parser.add_argument("--epochs", type=int, default=10, help="of `autoencoders`; the first is not timed")
    parser.add_argument("--before", metavar="COMMIT", help="an earlier commit that `waiting` is compared with")
    return parser


def mistake(arguments: argparse.Namespace) -> str:
    """What is wrong with the command, or ''."""
    sections = chosen(arguments)
    for section in sections:
        if section not in SECTIONS:
            return f"{section}: no such section; there are {', '.join(SECTIONS)}"
    if arguments.repeats < 1:
        return f"--repeats={arguments.repeats}: at least one turn is needed"
    if arguments.tiny and sections != ["gpu"]:
        return "--tiny: is for the section gpu alone"
    if "autoencoders" in sections and arguments.peer is None:
        return "--peer: is missing: autoencoders needs the interpreter of an environment with pythae"
    if arguments.peer is not None and not (arguments.peer.is_file() and os.access(arguments.peer, os.X_OK)):
        return f"--peer={arguments.peer}: there is no such interpreter"
    if arguments.epochs < 2:
        return f"--epochs={arguments.epochs}: at least two are needed, as the first is not timed"
    if arguments.images is not None and not 100 <= arguments.images <= 60_000:
        return f"--images={arguments.images}: must be 100 to 60000"
    missing = [name for name in ("MNIST/raw", "cifar-10-batches-py") if not (arguments.root / name).is_dir()]
    if missing and set(sections) - WITHOUT_DATA:
        return f"--root={arguments.root}: there is no {' and no '.join(missing)} in it"
    return ""


def run(section: str, options: Options, file: Path, console: Console, store: Callable[[Sequence[Row]], None]) -> Table:
    """Measure a section and write its rows to the page and by `store`, as they come; returns its table."""
    from benchmarks.machine import conditions  # imported here, as it needs torch

    module = importlib.import_module(f"benchmarks.{SECTIONS[section]}")
    header = getattr(module, "HEADER", HEADER)
    turns = module.turns(options) if hasattr(module, "turns") else options.repeats
    table, before, rows = Table(*header, title=module.TITLE), os.getloadavg()[0], list[Row]()
    with console.status(module.TITLE) as status:
        for row in module.rows(options):
            rows.append(row)
            table.add_row(*row.cells(), style={True: "green", False: "red", None: ""}[row.met])
            status.update(f"{module.TITLE}: {len(rows)} rows")
            around = conditions(before, os.getloadavg()[0], turns)
            page.write(file, section, module.TITLE, rows, around, header)
            store(rows)
    return table


def write_json(file: Path, records: dict[str, list[dict]]) -> None:
    """Machine and rows, whole or not at all."""
    from benchmarks.machine import facts
    from ib_cli.system.atomic import write_atomically

    content = json.dumps({"machine": facts(), "sections": records}, indent=1, ensure_ascii=False)
    write_atomically(file, content.encode())


if __name__ == "__main__":
    sys.exit(main())
