"""A process of hydra/launcher=local that runs one job after the other."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from hydra.core.utils import env_override

from hydra_plugins.ib_train._launcher import Lost
from hydra_plugins.ib_train._request import Request
from ib_cli.system.signals import SIGNALS, Interrupted, acting, blocked, held, note_signals, unblock

CONTEXT = get_context("spawn")  # a forked process could not use CUDA


class Worker:
    """A process with an environment of its own, as seen from the process that hands out the jobs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.request: Request | None = None  # the job in progress
        self.dismissed = False
        self._connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(theirs, os.getpid()))
        resource_tracker.ensure_running()  # by itself: it would undo `blocked`
        with env_override(dict(environment)), blocked():  # before the process loads a library that reads it
            self.process.start()
        theirs.close()

    def begin(self, request: Request) -> None:
        """Send it a job."""
        import cloudpickle  # the task is a function within a function, which pickle refuses

        self.request = request
        try:
            self._connection.send_bytes(cloudpickle.dumps(request))
        except (BrokenPipeError, ConnectionResetError):  # the process is dead: `answer` will say so
            return

    @property
    def ready(self) -> bool:
        """Whether it lives and is idle."""
        return self.request is None and not self.dismissed and self.process.is_alive()

    @property
    def signs(self) -> tuple[Any, Any]:
        """Objects for multiprocessing.connection.wait: ready when there is an answer or the process has ended."""
        return self._connection, self.process.sentinel

    def answer(self) -> Any:
        """The value that the job returned, or a Lost; waits for it."""
        try:
            return pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):  # the end of the pipe, perhaps within a message
            self.process.join()
            return Lost(ended(self.process.exitcode or 0))

    def end(self) -> tuple[Request, Any]:
        """The job that it was at and its answer; the worker is idle, or has died."""
        request, answer = self.request, self.answer()
        assert request is not None  # which `begin` has set
        self.request = None
        if isinstance(answer, Lost):
            self.dismiss()
        return request, answer

    def dismiss(self) -> None:
        """Let the process end: at once if it is idle; a job in progress is saved and stopped."""
        self._connection.close()
        self.dismissed = True
        if self.request is not None and self.process.is_alive():
            self.process.terminate()

    def wait(self) -> None:
        """Wait until the process has ended."""
        self.process.join()


def ended(code: int) -> str:
    """An exit code of multiprocessing in words."""
    if code - 128 in SIGNALS:
        return f"its process was stopped by {SIGNALS[signal.Signals(code - 128)]}"
    if code >= 0:
        return f"its process ended with code {code}"
    hint = ", as a machine does that is out of memory" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal.Signals(-code).name}{hint}"


def serve(connection: Connection, parent: int) -> None:
    """The loop of a worker: call one request after the other, until there are no more."""
    note_signals()
    unblock()
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    try:
        with acting():
            while True:
                try:
                    sent = connection.recv_bytes()
                except (EOFError, OSError):  # dismissed, or the first process is gone
                    return
                with held():  # unpickling imports
                    request = pickle.loads(sent)
                connection.send_bytes(pickle.dumps(request()))
    except (BrokenPipeError, ConnectionResetError):  # nobody wants the answer, or reads our output
        return
    except Interrupted as stop:
        sys.exit(stop.exit_code)


def _follow(parent: int) -> None:
    """When the parent process is gone, end as at SIGTERM: the run in progress is saved."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
