"""ib-encode: a finished run and samples → their z in an .npz file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ib_cli.contracts.errors import ConfigError
from ib_cli.run.changeable import CHANGEABLE, check_words
from ib_cli.run.chosen_samples import add_flags, check_flags, check_not_read, chosen_split, named
from ib_cli.system.command_line import Parser, add_version, exit_codes
from ib_cli.system.places import is_there
from ib_cli.system.plain_text import printable
from ib_cli.system.uncollected import uncollected

DEFAULT = Path("z.npz")
EPILOG = """\
The file holds z (N, K), or (S, N, K) with --samples S; mean and scale (N, K) where q(z|x) is Gaussian; probabilities
(N, K) in place of z where z is discrete; and y, where it is known.

  ib-encode outputs/runs/4f0c2a91d7 --split test
  ib-encode outputs/runs/4f0c2a91d7 --data my.npz --output my_z.npz
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    made = Parser(
        "ib-encode",
        description="Write z of a split, or of samples of your own, by a finished run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.keys = CHANGEABLE
    add_version(made)
    made.add_argument(
        "words",
        nargs="+",
        metavar="RUN",
        help="the run's folder; also key=value, as dataset.root=/data or device=cpu",
    )
    add_flags(made, "x as the data set stores it, and y if it is known")
    made.add_argument("--samples", type=int, default=1, metavar="S", help="draws of z for each x; default: 1")
    made.add_argument("--seed", type=int, default=0, help="of the draws; default: 0")
    made.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"default: {DEFAULT}, if there is none; a file that is named is replaced",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script `ib-encode`."""
    with exit_codes("ib-encode"):
        _encode(parser().parse_intermixed_args(arguments))


def _encode(options: argparse.Namespace) -> None:
    import numpy as np

    with uncollected():
        from ib_cli.run.finished_words import runs_of
    from ib_cli.system.atomic import replacing

    check_flags(options)
    check_words(options.words, parser())
    if not 1 <= options.samples < 2**31:
        raise ConfigError(f"--samples {options.samples}: must be at least 1 and less than {2**31}")
    if not 0 <= options.seed < 2**63:  # as the key `seed` of a run
        raise ConfigError(f"--seed {options.seed}: must be at least 0 and less than {2**63}")
    output = _output(options)
    runs = runs_of(options.words)
    if len(runs) != 1:
        found = f"{len(runs)} runs: name one, such as {runs[0].folder}" if runs else "none of these runs is done"
        raise ConfigError(found)
    (run,) = runs
    check_not_read(options, runs)
    with named(options.data or run.folder):
        arrays = run.represent_split(chosen_split(run, options, labelled=False), options.samples, options.seed)
    replaced = " (in place of an older file)" if is_there(output) else ""
    with replacing(output) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
    print(f"{printable(output)}: {shapes}{replaced}")


def _output(options: argparse.Namespace) -> Path:
    """The file to write. Raises ConfigError where it would replace one that nobody has named."""
    if options.output is None:
        if is_there(DEFAULT):
            raise ConfigError(f"{DEFAULT}: is there already: name a file with --output; --output {DEFAULT} replaces it")
        return DEFAULT
    output: Path = options.output
    if output.suffix != ".npz":
        raise ConfigError(f"--output {output}: must end in .npz")
    return output
