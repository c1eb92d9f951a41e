"""Which samples a command about finished runs takes: a split of the run's data, or a person's own."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ib_cli.contracts.errors import ConfigError
from ib_cli.study.kept_files import check_output

if TYPE_CHECKING:
    from ib_cli.run.loaded_run import Run

OWN = "own"  # the name of the split of a person's own samples


def add_flags(parser: argparse.ArgumentParser, arrays: str) -> None:
    """The flags --data and --split; `arrays`: what the file holds."""
    parser.add_argument("--data", type=Path, metavar="FILE", help=f"an .npz file with {arrays}")
    parser.add_argument("--split", help="train, validation or test, where there is no --data; default: test")


def check_flags(options: argparse.Namespace) -> None:
    """Raises ConfigError where both are given."""
    if options.data is not None and options.split is not None:
        raise ConfigError("--split: is of the run's data, and --data names others: give one of them")


def check_not_read(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    """Raises ConfigError where `--output` names a record, the file of --data, or the file of a run's data."""
    if options.output is not None:
        for run in runs:
            of_run = run.config["dataset"].get("path")
            check_output(options.output, {"--data": options.data, "dataset.path": of_run})


def chosen_split(run: Run, options: argparse.Namespace, labelled: bool) -> str:
    """The name of the split, to which the run has been given the person's own samples.

    `labelled`: they need y. Raises ConfigError for a file without the arrays; ValueError where they do not suit.
    """
    from ib_cli.run.own_archive import own_samples

    if options.data is None:
        return options.split or "test"
    x, y = own_samples(options.data)
    if labelled and y is None:
        raise ConfigError(f"--data {options.data}: must hold an array y as well: measures are of x and y")
    run.add_split(OWN, x, y)
    return OWN


@contextmanager
def named(where: Path) -> Iterator[None]:
    """Within the block the library's ValueError becomes a ConfigError that names the file or folder `where`."""
    try:
        yield
    except ConfigError:  # which names its key, and is a ValueError too
        raise
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
