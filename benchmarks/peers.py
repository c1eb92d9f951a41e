"""VIB on MNIST, an epoch from end to end, against a plain script (plain.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import plain
from benchmarks.experiments import Solo, made
from benchmarks.measure import Apart, Options, Ratio, Row, in_turns
from benchmarks.step import LARGE, SMALL, mnist

TITLE = "An epoch of VIB on MNIST with its evaluation"
MOST_TURNS = 2  # a turn takes a minute


def rows(options: Options) -> Iterator[Row]:
    """60,000 images in steps of 100, 12 draws on 10,000; ours keeps its records and saves a checkpoint as well."""
    for name, (widths, size), least, how in (
        ("784–256–32", SMALL, 5, ()),
        ("784–256–32, threads=2", SMALL, 5, ("threads=2",)),
        ("784–1024–1024–512", LARGE, 2, ()),
    ):
        with (
            TemporaryDirectory() as folder,
            Apart(plain.epoch, str(options.root), widths, size) as loop,
        ):
            experiment = made(*mnist(options, widths, size), *how, folder=Path(folder))
            experiment.records.open("")
            sides = [Solo(experiment).epoch, loop]
            yield Ratio(
                f"MLP {name}; other: plain script", in_turns(sides, min(options.repeats, MOST_TURNS)), least=least
            )
            experiment.records.close()
