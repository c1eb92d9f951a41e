"""Imports and figures without the garbage collector, which would look at new objects again and again and free none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ib_cli.system.signals import held


@contextmanager
def collected_later() -> Iterator[None]:
    """Within the block no garbage is collected; it is later. For what makes many objects that stay until its end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def uncollected() -> Iterator[None]:
    """Within the block no garbage is collected; what is there at its end is never looked at again.

    Signals are held: an exception would come out of an import as another error.
    For imports alone: they make what stays. A seventh of torch's import time is saved, and later collections are short.
    """
    enabled = gc.isenabled()
    gc.disable()
    with held():
        try:
            yield
        finally:
            gc.freeze()
            if enabled:
                gc.enable()
