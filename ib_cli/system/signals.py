"""Ctrl-C, SIGTERM and SIGUSR2, noted so that the training loop can ask for them between two steps.

Slurm sends SIGUSR2 some time before it ends a job.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGUSR2: "SIGUSR2"}


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop, has saved its state and can be continued."""

    def __init__(self, number: int) -> None:
        super().__init__(SIGNALS[signal.Signals(number)])
        self.number = number
        self.exit_code = 128 + number


@contextmanager
def catch_signals() -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the first signal received within the block, or None.

    A second signal of the same kind acts at once, as without this block. Outside the main thread nothing is caught.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    previous: dict[signal.Signals, Any] = {}  # handlers
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
