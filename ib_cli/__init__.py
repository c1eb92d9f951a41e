"""Information-bottleneck experiments: `ib-train` on the command line, and the same as a library (docs/library.md)."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import would delay the first statement of a command
if TYPE_CHECKING:
    from typing import Any

    from ib_cli.procedures.fit.train_copies import train_copies
    from ib_cli.report.library import draw_frontier, draw_information_plane, draw_measure, draw_trajectories, results
    from ib_cli.run.library import build, compose, load_run, train, varied
    from ib_cli.run.loaded_run import Run

__version__ = "0.1.0"
__all__ = [
    "Run",
    "build",
    "compose",
    "draw_frontier",
    "draw_information_plane",
    "draw_measure",
    "draw_trajectories",
    "load_run",
    "results",
    "train",
    "train_copies",
    "varied",
]

_HOMES = {
    "ib_cli.run.library": ("build", "compose", "load_run", "train", "varied"),
    "ib_cli.run.loaded_run": ("Run",),
    "ib_cli.procedures.fit.train_copies": ("train_copies",),
    "ib_cli.report.library": (
        "draw_frontier", "draw_information_plane", "draw_measure", "draw_trajectories", "results",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imported when first asked for: `ib-train --help` needs none of it, nor torch."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'ib_cli' has no attribute {name!r}")
