"""One run, from its composed config to its result."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from ib_cli.config.error_lines import again
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.datasets.data import Data
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.records import Records
from ib_cli.run.build import build, construct, load_data, resolve, run_folder, target_of, validate
from ib_cli.run.describe import describe, doubts
from ib_cli.run.pictures import draw_figures
from ib_cli.study.job_outcomes import TOKEN, Outcome
from ib_cli.system.signals import Interrupted, catch_signals
from ib_cli.watch.observer import RunInfo
from ib_cli.watch.screen import Screen, show_finished

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times faster, where it is there
log = logging.getLogger(__name__)


def run(config: DictConfig, tell: Callable[[Outcome], object] | None = None) -> Outcome:
    """Validate, build, train and record one run; or show it, if it is done already.

    `tell` is given for a run of a multirun: it hears when the run has begun, and the run itself stays off the screen.
    Raises ConfigError, before anything is written, where the config is wrong, and Interrupted at a signal.
    A run that fails for another reason ends as a failed Outcome, with the reason in its result.json.
    """
    prepared = prepare(resolve(config), screen=tell is None)
    if isinstance(prepared, Outcome):
        return prepared
    try:
        if tell is not None:
            tell(prepared.outcome("running"))
        with log_file(prepared.folder), catch_signals() as stop:
            outcome = _train(prepared, stop)
            if (number := stop()) is not None:  # too late for this run, which is done, but not for those after it
                if tell is not None:
                    tell(outcome)
                raise Interrupted(number)
    finally:
        prepared.close()
    return outcome


def prepare(plain: dict[str, Any], screen: bool, load: Callable[..., Data] = load_data) -> Run | Outcome:
    """A run whose folder is open and locked, or the outcome of one that is done; `screen` says whether to show it.

    `load` gives the data of a dataset's config on a device. Raises ConfigError where the config is wrong.
    """
    settings = validate(plain)
    records = Records(run_folder(plain, construct("dataset", plain["dataset"]).fingerprint()))
    if not settings.rerun and (skipped := _done_before(records, screen)) is not None:
        return skipped
    observers = (*((Screen(),) if screen else ()), construct("tracker", plain["tracker"]))
    experiment = build(plain, records, observers, load)
    procedure, keys = target_of("procedure", plain["procedure"])
    if hasattr(procedure, "check"):
        procedure.check(experiment, **keys)
    records.open(yaml.dump(plain, Dumper=DUMPER, sort_keys=False, allow_unicode=True))
    if not settings.rerun and (skipped := _done_before(records, screen)) is not None:  # by another process, meanwhile
        records.close()
        return skipped
    return Run(plain, experiment, procedure, keys)


def _done_before(records: Records, screen: bool) -> Outcome | None:
    """The outcome of a run that is done, shown if there is a screen."""
    done = records.result
    if done is None or done["status"] != "done":
        return None
    if screen:
        show_finished(done, records.folder)
    return Outcome("skipped", folder=str(records.folder), test=done.get("test", {}), seconds=done.get("seconds"))


class Run:
    """One run from its experiment to its result."""

    def __init__(
        self, plain: Mapping[str, Any], experiment: Experiment, procedure: Callable[..., Any], keys: Mapping[str, Any]
    ) -> None:
        self.plain, self.experiment, self.procedure, self.keys = plain, experiment, procedure, keys
        self.lagrangian = experiment.objective.lagrangian(experiment.multipliers)

    @property
    def folder(self) -> Path:
        """Where its records are."""
        return self.experiment.records.folder

    def begin(self) -> dict[str, Any] | None:
        """Make the folder ready and tell the observers; returns the checkpoint to go on from."""
        experiment, settings, records = self.experiment, self.experiment.settings, self.experiment.records
        if settings.rerun:
            records.clear()
        (records.folder / "result.json").unlink(missing_ok=True)  # of an attempt that failed
        checkpoint = records.load_checkpoint(experiment.device)
        own = getattr(self.procedure, "describe", None)
        facts = describe(self.plain, experiment, own(experiment, **self.keys) if own else None)
        first = checkpoint["epoch"] if checkpoint else 0
        info = RunInfo(
            settings.name,
            records.folder.name,
            records.folder,
            self.lagrangian,
            facts,
            0 if own else settings.epochs,
            first,
            self.plain,
        )
        command = shlex.join(word for word in sys.argv if TOKEN not in word)
        log.info("%s; minimise %s; %s", command, self.lagrangian, dict(facts))
        for doubt in doubts(experiment):
            log.warning("%s", doubt)
        for observer in experiment.observers:
            observer.start(info)
        return checkpoint

    def succeed(self, finished: Finished) -> Outcome:
        """Draw the figures and write the result of a run that came to its end."""
        if self.experiment.settings.figures and finished.params is not None:
            draw_figures(self.experiment, finished.params)
        measured = {"epochs": finished.epochs, "seconds": finished.seconds, **finished.measures}
        if finished.compile_seconds:
            measured["compile_seconds"] = finished.compile_seconds
        if finished.estimates:
            measured |= {"estimates": nested(finished.estimates), "estimate_seconds": finished.estimate_seconds}
        return self._end({"status": "done", **self._about(), **measured})

    def fail(self, error: Exception) -> Outcome:
        """Write the result of a run that could not come to its end."""
        told = str(error) if isinstance(error, RunFailedError) else _in_a_line(error)
        log.error("the run failed", exc_info=error)
        return self._end({"status": "failed", **self._about(), "error": told})

    def interrupt(self, stop: Interrupted) -> None:
        """Tell the observers that the run stops here for now."""
        if (self.folder / "checkpoint.pt").exists():
            told = f"{stop}: saved in {self.folder}. To go on: {again(sys.argv)}"
        else:  # some procedures keep nothing on the way
            told = f"{stop}: nothing of this run is kept. To begin anew: {again(sys.argv)}"
        for observer in self.experiment.observers:
            observer.interrupt(told)

    def outcome(self, status: str, result: Mapping[str, Any] | None = None) -> Outcome:
        """How this run stands, as the study's table shows it."""
        found = result or {}
        error, seconds = found.get("error", ""), found.get("seconds")
        return Outcome(status, folder=str(self.folder), test=found.get("test", {}), seconds=seconds, error=error)

    def close(self) -> None:
        """Let go of the folder."""
        self.experiment.records.close()

    def _about(self) -> dict[str, Any]:
        return {
            "objective": self.plain["objective"]["name"],
            "lagrangian": f"minimise {self.lagrangian}",
            "multipliers": self.experiment.multipliers,
            "seed": self.experiment.settings.seed,
        }

    def _end(self, result: dict[str, Any]) -> Outcome:
        self.experiment.records.finish(result)
        for observer in self.experiment.observers:
            observer.finish(result)
        return self.outcome(result["status"], result)


def _train(run: Run, stop: Callable[[], int | None]) -> Outcome:
    checkpoint = run.begin()
    try:
        return run.succeed(run.procedure(replace(run.experiment, stop=stop), checkpoint, **run.keys))
    except Interrupted as interruption:
        run.interrupt(interruption)
        raise
    except (ConfigError, BrokenPipeError):  # wrong from the start; or nobody reads our output any more (| head)
        raise
    except Exception as error:
        if run.experiment.settings.debug and not isinstance(error, RunFailedError):
            raise
        return run.fail(error)


def nested(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Lines of estimates.jsonl, of one epoch, as {estimator: {quantity: {value, lower, …, saturated, reason}}}."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        told = {name: line[name] for name in ("value", "lower", "upper", "stderr", "saturated", "reason")}
        found.setdefault(line["estimator"], {})[line["quantity"]] = told
    return found


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


class _Warnings(logging.Handler):
    """Warnings of the program, such as a tracker that gave up, on standard error as it is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            print(f"ib-train: {record.getMessage()}", file=sys.stderr)


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Within the block, what the program logs goes to run.log, and warnings to standard error as well."""
    file = logging.FileHandler(folder / "run.log")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handlers = (file, _Warnings())
    logger = logging.getLogger("ib_cli")
    level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(level)
        file.close()
