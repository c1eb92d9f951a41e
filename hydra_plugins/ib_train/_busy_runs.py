"""Runs of a multirun that other processes are at: waited for, and launched again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from ib_cli.contracts.errors import ConfigError
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.system.folder_lock import FolderLock
from ib_cli.watch.screen import duration

PAUSE = 5.0  # seconds between two looks at the locks of busy runs
NAMED = 3  # busy runs named in a line; the others are counted


class BusyRuns:
    """Launches busy runs again when nobody is at them any more, for a limited time."""

    def __init__(self, launcher: Launcher, jobs: Jobs, wait: float, tell: Callable[[str], None]) -> None:
        """`wait`: seconds. `tell` receives a line: whom it waits for, or that it gave up."""
        self.launcher, self.jobs, self.wait, self.tell = launcher, jobs, wait, tell

    @classmethod
    def of(cls, launcher: Launcher, config: DictConfig, tell: Callable[[str], None]) -> BusyRuns:
        """Those of the multirun with this config. Raises ConfigError for a wrong `wait`."""
        wait = config.get("wait")
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < math.inf:
            raise ConfigError(f"wait={wait}: must be a finite number of seconds, 0 or more")
        return cls(launcher, Jobs.of(config.hydra), wait, tell)

    def finish(self, points: Mapping[int, Sequence[str]]) -> dict[int, JobReturn]:
        """Launch the busy ones of these jobs again; `points` are the overrides by the job's number.

        A run whose twin in the same multirun was at it takes the twin's result at once. Returns what the jobs returned.
        """
        returned: dict[int, JobReturn] = {}
        end, told = time.monotonic() + self.wait, False
        while busy := self._busy(points):
            for number, outcome in busy.items():
                if not FolderLock(Path(outcome.folder)).holder():
                    (returned[number],) = self.launcher.launch([points[number]], number)
            busy = self._busy(points)
            left = end - time.monotonic()
            if not busy or left <= 0:
                break
            if not told:
                self.tell(f"waiting, for at most {duration(self.wait)} (wait={self.wait:g}), for {_named(busy)}")
                told = True
            time.sleep(min(PAUSE, left))
        if busy:
            spent = f"gave up after {duration(self.wait)} (wait={self.wait:g})" if self.wait else "not waiting (wait=0)"
            self.tell(f"{spent} for {_named(busy)}; the same command takes them up")
        return returned

    def _busy(self, points: Mapping[int, Sequence[str]]) -> dict[int, Outcome]:
        outcomes = self.jobs.read().items()
        return {number: outcome for number, outcome in outcomes if number in points and outcome.status == "busy"}


def _named(busy: Mapping[int, Outcome]) -> str:
    """The runs and who is at them: `outputs/runs/0a1b (process 12 on node7 is at this run, since …)`."""
    named = [f"{outcome.folder} ({outcome.error})" for outcome in list(busy.values())[:NAMED]]
    return ", ".join([*named, *([f"{len(busy) - NAMED} more"] if len(busy) > NAMED else [])])
