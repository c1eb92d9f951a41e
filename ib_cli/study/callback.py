"""A multirun as a whole: its jobs, their outcomes while it goes on, and its table at the end."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ib_cli.config.told_command import told_command, typed_words
from ib_cli.contracts.errors import ConfigError, OutputError
from ib_cli.study.job_outcomes import TOKEN, Jobs, Outcome
from ib_cli.study.kept_files import OF_STUDY
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_screen import StudyScreen
from ib_cli.system.places import is_there
from ib_cli.system.secrets import told_line

_ABOUT_POINTS = re.compile(r"[+~]*hydra([./]sweeper\b|\.mode=)")
POLL = 0.5  # seconds between two looks at the jobs
studies: list[Study] = []  # the multiruns of this process; main ends them and takes their exit codes


def present_study() -> Study:
    """The multirun of this process. Raises ConfigError where its callback was removed."""
    if not studies:
        raise ConfigError("hydra.callbacks.study: a multirun needs it: leave it in")
    return studies[-1]


def at_end_of_study(close: Callable[[], None]) -> None:
    """Have something closed when the multirun of this process ends, however it ends."""
    present_study().closers.append(close)


def config_flags(words: Sequence[str]) -> list[str]:
    """The words of a command line that say where configs are: --config-dir X and the like."""
    flags = []
    for word, following in zip(words, [*words[1:], ""]):
        if word.startswith(("--config-dir=", "--config-path=", "--config-name=")):
            flags.append(word)
        elif word in ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn"):
            flags += [word, following]
    return flags


def launching_words(words: Sequence[str]) -> list[str]:
    """Of the words about Hydra itself those that a job needs to be launched in the same way, after `-m`; or none.

    A job's own words say which point it is: how points are searched for is left out.
    """
    found = [word for word in words if TOKEN not in word and not _ABOUT_POINTS.match(word)]
    return ["-m", *found] if found else []


class Study(Callback):
    """Hydra's callback: watches the jobs, and reports when the last one has ended."""

    def __init__(self) -> None:
        self.jobs: Jobs | None = None
        self.plan: list[tuple[str, ...]] = []  # each job's overrides, as far as the sweeper knows them
        self.made: list[Path] = []  # folders that this multirun has made, the innermost first
        self.closers: list[Callable[[], None]] = []  # of what launchers keep between two batches of jobs
        self.error: Exception | None = None  # why the jobs cannot be watched
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        studies.append(self)

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        return Callback, ()  # a launcher's process has nothing to watch

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the study's folder and start watching."""
        try:
            folder = Path(config.hydra.sweep.dir)
            self.made = [each for each in (folder, *folder.parents) if not is_there(each)]
            jobs = Jobs.of(config.hydra)
            jobs.claim()
        except Exception as error:  # Hydra swallows a callback's errors: `check` raises it
            self.error = error
            return
        log = StudyLog(folder / "study.log", jobs.name)
        flags = [*config_flags(sys.argv[1:]), *launching_words(config.hydra.overrides.hydra)]
        self.screen = StudyScreen(str(config.name), log, flags)
        self.jobs = jobs  # from here on, `end` shows the table
        log.write(told_command(["ib-train", *typed_words()[1:]]))
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises the error for which the study's folder cannot be made. A sweeper calls it before the first job."""
        if self.error is not None:
            raise self.error

    def tell(self, line: str) -> None:
        """Say something about the study as a whole, on standard error and in study.log."""
        print(f"ib-train: {told_line(line)}", file=sys.stderr)
        if self.jobs is not None:
            self.screen.log.write(line)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called when the sweeper has ended."""
        with suppress(OutputError, BrokenPipeError):  # Hydra would tell it in its own words; `end` raises it again
            self.close()

    def outcomes(self) -> list[Outcome]:
        """The outcome of every job, by its number from 0; a job that has not begun is waiting."""
        begun = self.jobs.read() if self.jobs else {}
        known = dict(enumerate(self.plan))
        count = max([len(self.plan), *(number + 1 for number in begun)])
        return [begun.get(number, Outcome("waiting", known.get(number, ()))) for number in range(count)]

    @property
    def begun(self) -> bool:
        """Whether any job has begun."""
        return bool(self.jobs and self.jobs.read())

    def _watch(self) -> None:
        try:
            while not self._stop.wait(POLL):
                self.screen.update(self.outcomes())
        except (OutputError, BrokenPipeError):  # the jobs go on; `close` meets it again, in the main thread
            return

    def close(self) -> None:
        """End what launchers have kept, stop watching, and show the last state."""
        while self.closers:
            self.closers.pop()()
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self.screen.update(self.outcomes())
            self.screen.close()

    def give_up(self, reason: str, refused: bool = False) -> None:
        """End a multirun in which no job has begun. `refused`: as its command is wrong, so that nothing is kept."""
        self.close()
        if self.jobs is not None:
            self.screen.log.write(reason)
            self.jobs.remove()
        if refused:
            self._unmake()

    def end(self, stopped: bool = False) -> int:
        """Print the table and return the exit code: 0 if every job is done, 2 if every config is wrong, else 1.

        `stopped`: whether this process was asked to stop, and its jobs with it.
        """
        try:
            self.close()
            ended = [_without_a_word(outcome, stopped) for outcome in self.outcomes()]
            self.screen.table(ended)
        finally:
            if self.jobs is not None:
                self.jobs.remove()
        codes = {outcome.exit_code for outcome in ended}
        if codes == {2}:
            self._unmake()
        return codes.pop() if len(codes) == 1 else int(bool(codes))

    def _unmake(self) -> None:
        """Remove the folders that this multirun has made, where there is no run and no other multirun in them."""
        for file in (self.made[0] / name for name in OF_STUDY if self.made):
            with suppress(OSError):  # it is not there, or its folder could not be made
                file.unlink()
        for folder in self.made:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()


def _without_a_word(outcome: Outcome, stopped: bool) -> Outcome:
    """A job's outcome at the end of a study: a job last seen running has stopped or failed."""
    if outcome.status != "running":
        return outcome
    if stopped:
        return replace(outcome, status="stopped")
    return replace(outcome, status="failed", error="its process ended without a word")
