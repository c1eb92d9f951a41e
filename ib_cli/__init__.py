"""Information-bottleneck experiments: `ib-train` on the command line, and the same as a library (docs/library.md)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ib_cli.procedures.fit.train_copies import train_copies
    from ib_cli.run.library import Run, build, compose, load_run, train, varied

__version__ = "0.1.0"
__all__ = ["Run", "build", "compose", "load_run", "train", "train_copies", "varied"]

_HOMES = dict.fromkeys(__all__, "ib_cli.run.library") | {"train_copies": "ib_cli.procedures.fit.train_copies"}


def __getattr__(name: str) -> Any:
    """Imported when first asked for: `ib-train --help` needs none of it, nor torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ib_cli' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
