"""A process of hydra/launcher=local that runs one job after the other."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from hydra.core.utils import env_override

from hydra_plugins.ib_train._launcher import Lost
from hydra_plugins.ib_train._request import Request
from ib_cli.system.signals import Interrupted

CONTEXT = get_context("spawn")  # a forked process could not use CUDA


class Worker:
    """A process with an environment of its own, as seen from the process that hands out the jobs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.request: Request | None = None  # the job in progress
        self._connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(theirs, os.getpid()))
        with env_override(dict(environment)):  # before the process loads a library that reads it
            self.process.start()
        theirs.close()

    def begin(self, request: Request) -> None:
        """Send it a job."""
        import cloudpickle  # the task is a function within a function, which pickle refuses

        self.request = request
        try:
            self._connection.send_bytes(cloudpickle.dumps(request))
        except BrokenPipeError:  # the process is dead: `answer` will say so
            return

    @property
    def signs(self) -> tuple[Any, Any]:
        """Objects for multiprocessing.connection.wait: ready when there is an answer or the process has ended."""
        return self._connection, self.process.sentinel

    def answer(self) -> Any:
        """The value that the job returned, or a Lost; waits for it."""
        try:
            return pickle.loads(self._connection.recv_bytes())
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Lost(ended(self.process.exitcode or 0))

    def dismiss(self) -> None:
        """Let the process end: at once if it is idle; a job in progress is saved and stopped."""
        self._connection.close()
        if self.request is not None and self.process.is_alive():
            self.process.terminate()

    def wait(self) -> None:
        """Wait until the process has ended."""
        self.process.join()


def ended(code: int) -> str:
    """An exit code of multiprocessing in words."""
    if code >= 0:
        return f"its process ended with code {code}"
    hint = ", as a machine does that is out of memory" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal.Signals(-code).name}{hint}"


def serve(connection: Connection, parent: int) -> None:
    """The loop of a worker: call one request after the other, until there are no more."""
    signal.signal(signal.SIGTERM, _terminated)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    while True:
        try:
            request = pickle.loads(connection.recv_bytes())
            connection.send_bytes(pickle.dumps(request()))
        except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):  # dismissed, or told to stop
            return


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _follow(parent: int) -> None:
    """When the parent process is gone, end as at SIGTERM: the run in progress is saved."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
