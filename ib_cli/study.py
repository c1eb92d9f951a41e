"""A multirun as a whole: which jobs it has, how they stand while it goes on, and its table at the end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ib_cli.outcome import TOKEN, Jobs, Outcome
from ib_cli.study_screen import StudyScreen

POLL = 0.5  # seconds between two looks at the jobs
studies: list[Study] = []  # of this process: main asks them how they ended


def config_flags(words: Sequence[str]) -> list[str]:
    """The words of a command line that say where configs lie: --config-dir X and its kin."""
    flags = []
    for word, following in zip(words, [*words[1:], ""]):
        if word.startswith(("--config-dir=", "--config-path=", "--config-name=")):
            flags.append(word)
        elif word in ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn"):
            flags += [word, following]
    return flags


def planned(overrides: Sequence[str], params: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The overrides of each job in the order of the basic sweeper's numbers; `params` are the study file's."""
    words = [*(f"{key}={value}" for key, value in params.items()), *overrides]
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(words), None)
    return [tuple(job) for job in jobs]


class Study(Callback):
    """Hydra's callback: knows the jobs before they start, watches them, and reports when the last one has ended."""

    def __init__(self) -> None:
        self.jobs: Jobs | None = None
        self.plan: list[tuple[str, ...]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        studies.append(self)

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        return Callback, ()  # in the process that a launcher sends it to, there is nothing to watch

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """List the jobs and start watching."""
        folder = Path(config.hydra.sweep.dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return  # Hydra meets the same in a moment, and main tells it
        self.jobs = Jobs(folder / ".jobs" / config.hydra.job.env_set.get(TOKEN, "here"))
        if config.hydra.sweeper._target_.endswith("BasicSweeper"):
            with suppress(HydraException, OmegaConfBaseException):  # the sweeper meets the same, and main tells it
                self.plan = planned(config.hydra.overrides.task, config.hydra.sweeper.params or {})
        self.screen = StudyScreen(str(config.name), folder / "study.log", config_flags(sys.argv[1:]))
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called where the sweeper came to its end."""
        self.close()

    def outcomes(self) -> list[Outcome]:
        """Every job as it stands: those that have not begun are waiting."""
        begun = self.jobs.read() if self.jobs else {}
        waiting = {number: Outcome("waiting", overrides) for number, overrides in enumerate(self.plan)}
        return [outcome for _, outcome in sorted({**waiting, **begun}.items())]

    @property
    def begun(self) -> bool:
        """Whether any job has."""
        return bool(self.jobs and self.jobs.read())

    def _watch(self) -> None:
        while not self._stop.wait(POLL):
            self.screen.update(self.outcomes())

    def close(self) -> None:
        """Stop watching; show the last state."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self.screen.update(self.outcomes())
            self.screen.close()

    def end(self) -> int:
        """Print the table and return the exit code: 0 if every job is done, 2 if every config is wrong, else 1."""
        self.close()
        ended = [outcome if outcome.status != "running" else _lost(outcome) for outcome in self.outcomes()]
        self.screen.table(ended)
        if self.jobs is not None:
            self.jobs.remove()
        codes = {outcome.exit_code for outcome in ended}
        return codes.pop() if len(codes) == 1 else int(bool(codes))


def _lost(outcome: Outcome) -> Outcome:
    return Outcome("failed", outcome.overrides, outcome.folder, error="its process ended without a word")
