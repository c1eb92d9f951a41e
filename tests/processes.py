"""ib-train in a process of its own, forked from one that has imported it: a start then costs no import of torch."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

FORKS = get_context("forkserver")  # a fork of the tests' own process would inherit its threads
# All that a run of the digits imports, which takes longer than the run.
FORKS.set_forkserver_preload(["ib_cli.main", "ib_cli.run.attempt", "ib_cli.functionals"])


class Forked:
    """A command that runs from a folder, as the leader of a process group; what it prints goes to a file.

    `before`, which pickle can carry, is called in the process first.
    """

    def __init__(self, folder: Path, *arguments: str, before: Callable[[], object] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._printed = folder.with_name(f"{folder.name}.{id(self)}.printed")
        given = (folder, self._printed, dict(os.environ), ["ib-train", *arguments], before)
        self._process: ForkServerProcess = FORKS.Process(target=_run, args=given, daemon=True)
        self._process.start()

    def alive(self) -> bool:
        return self._process.is_alive()

    def kill_group(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Its exit code, or the negative number of the signal that killed it, once it has ended; what it printed."""
        self._process.join()
        return self._process.exitcode, self._printed.read_text()


def _run(
    folder: Path, printed: Path, environment: dict[str, str], words: list[str], before: Callable[[], object] | None
) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    file = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if before is not None:
        before()
    sys.argv = words
    from ib_cli.main import main

    main()


def signal_at(step: int, number: int) -> RemovableHandle:
    """Sends this process a signal just before its optimizers take their step of this number, counted from 1."""
    taken = 0

    def count(*_: object) -> None:
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), number)

    return register_optimizer_step_pre_hook(count)
