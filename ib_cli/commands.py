"""The console scripts. The first thing that each does is to note signals, as its imports take seconds."""

from __future__ import annotations

from ib_cli.system.signals import note_signals


def train() -> None:
    """`ib-train`."""
    note_signals()
    from ib_cli.main import main

    main()


def report() -> None:
    """`ib-report`."""
    note_signals()
    from ib_cli.report.main import main

    main()


def encode() -> None:
    """`ib-encode`."""
    note_signals()
    from ib_cli.run.encode import main

    main()


def evaluate() -> None:
    """`ib-evaluate`."""
    note_signals()
    from ib_cli.run.evaluate import main

    main()
