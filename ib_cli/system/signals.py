"""Ctrl-C, SIGTERM and SIGUSR2: noted where an exception would do harm, raised as Interrupted where it can act.

An exception that a signal raises within an import comes out as any other error, or not at all. So a command notes
signals from its first statement on (`note_signals`), lets them act where it works (`acting`), and only notes them while
it imports or starts processes (`held`). A training loop asks between two steps (`catch_signals`). Slurm sends SIGUSR2
some time before it ends a job.

Imports little: until `note_signals` is called, a signal meets Python's own handlers.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TYPE_CHECKING = False  # as in typing, whose import takes longer than all others here
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGUSR2: "SIGUSR2"}
STOPS = (signal.SIGINT, signal.SIGTERM)  # those that stop a command


class Interrupted(KeyboardInterrupt):
    """A command was asked to stop. A run has saved its state and can be continued."""

    def __init__(self, number: int, told: bool = False) -> None:
        """`told`: whether a person has been told already what has become of the run."""
        super().__init__(SIGNALS[signal.Signals(number)])
        self.number, self.told = number, told
        self.exit_code = 128 + number


class _Process:
    """The signals that this process received, in order; those that no exception has told; and how many blocks hold."""

    received: list[int]
    untold: list[int]

    def __init__(self) -> None:
        self.received, self.untold, self.holds, self.noting = [], [], 0, False

    def came(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        again = number in self.received
        self.received.append(number)
        if not self.holds:
            raise Interrupted(number)
        self.untold.append(number)
        if again:  # a person who waits no longer
            name = os.path.basename(sys.argv[0])  # noqa: PTH119 (pathlib may not be imported yet)
            os.write(2, f"{name}: {SIGNALS[signal.Signals(number)]}: stopped\n".encode(errors="replace"))
            os._exit(128 + number)

    def tell(self) -> None:
        """Raises Interrupted for a signal that was only noted."""
        if self.untold and not self.holds:
            number = self.untold[0]
            self.untold.clear()
            raise Interrupted(number)


_process = _Process()


def note_signals() -> None:
    """From here to the end of the process, signals that stop a command are noted; within `acting` they act."""
    _process.noting = True
    _process.holds += 1
    for number in STOPS:
        signal.signal(number, _process.came)
    usual = sys.unraisablehook

    def unraisable(about: Any) -> None:
        if not isinstance(about.exc_value, Interrupted):  # which is noted, though nothing raises it here
            usual(about)

    sys.unraisablehook = unraisable


@contextmanager
def acting() -> Iterator[None]:
    """Within the block a signal raises Interrupted at once, and so does one that was noted before.

    Any other error after a signal is taken for it: imports and C code turn a stop into errors of their own.
    """
    holds, before = _process.holds, {}
    if not _process.noting:  # called from a program that is not one of our commands
        before = {number: signal.signal(number, _process.came) for number in STOPS}
        _process.noting = True
    try:
        _process.holds = 0
        _process.tell()
        yield
    except Interrupted:
        raise
    except BaseException as error:
        if _process.received:
            raise Interrupted(_process.received[0]) from error
        raise
    finally:
        _process.holds = holds
        for number, handler in before.items():
            signal.signal(number, handler)
        if before:
            _process.noting = False
            _process.received.clear()
            _process.untold.clear()


@contextmanager
def held() -> Iterator[None]:
    """Within the block signals are only noted; after it, one that came raises Interrupted.

    A second signal of the same kind ends the process within the block.
    """
    _process.holds += 1
    try:
        yield
    finally:
        _process.holds -= 1
    _process.tell()


def raise_if_asked() -> None:
    """Raises Interrupted if this command was asked to stop, though the exception for it got lost."""
    if _process.received and not _process.holds:
        raise Interrupted(_process.received[0])


@contextmanager
def blocked() -> Iterator[None]:
    """Within the block signals that stop a command wait. A process started in it has them wait until `unblock`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock() -> None:
    """Let the signals come that waited since this process was started within `blocked`."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Within the block signals are held; after it their handlers are those from before, whatever a library has set."""
    with held():
        before = {number: signal.getsignal(number) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def catch_signals() -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the first signal received within the block, or None.

    A signal before the block whose exception got lost counts as received. A second signal of the same kind acts at
    once, as without this block. Outside the main thread nothing is caught.
    """
    import threading

    received = _process.received[:1]

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
