"""One attempt at a run: what is written and reported at its beginning and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ib_cli.contracts.errors import ConfigError, OutputError, RunFailedError, WriteError
from ib_cli.engine.portions import in_a_line as of_memory
from ib_cli.engine.portions import out_of_memory
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.run.describe import describe, doubts
from ib_cli.run.log_file import ONCE
from ib_cli.run.origin import checkout, now, origin
from ib_cli.run.pictures import draw_figures
from ib_cli.study.job_outcomes import Outcome
from ib_cli.system.secrets import hidden, without_secrets
from ib_cli.system.signals import Interrupted
from ib_cli.watch.observer import RunInfo

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times faster, where PyYAML has it
log = logging.getLogger(__name__)


def open_attempt(experiment: Experiment, command: str, again: str) -> Attempt:
    """Make the run's folder and take its lock. `command` began the attempt, `again` goes on with it: both for people.

    Raises ConfigError where the folder cannot be written, BusyError where another process holds the lock.
    """
    kept = {key: value for key, value in experiment.config.items() if key != "trust"}  # each reader says it anew
    config = without_secrets(kept)
    experiment.records.open(yaml.dump(config, Dumper=DUMPER, sort_keys=False, allow_unicode=True))
    return Attempt(experiment, command, again)


class Attempt:
    """One attempt at a run, from its experiment to its result; it holds the lock of the run's folder."""

    def __init__(self, experiment: Experiment, command: str, again: str) -> None:
        """`experiment` with its records open; `command` and `again` as for `open_attempt`."""
        self.experiment, self.command, self.again = experiment, command, again

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.experiment.records.folder

    def begin(self) -> dict[str, Any] | None:
        """Prepare the folder and notify the observers; returns the checkpoint to go on from, if there is one."""
        experiment, settings, records = self.experiment, self.experiment.settings, self.experiment.records
        if settings.rerun:
            records.clear()
        if (records.folder / "result.json").exists() and records.result is None:
            log.warning("%s is damaged: the end of the run is done again", records.folder / "result.json")
        records.forget_result()  # of an attempt that failed
        checkpoint = records.load_checkpoint(experiment.device)
        records.begun = (checkpoint or {}).get("begun") or now()
        checkout()  # asks Git while the run trains
        instead = experiment.procedure.facts(experiment)
        facts = describe(experiment, instead)
        first = checkpoint["epoch"] if checkpoint else 0
        info = RunInfo(
            settings.name,
            records.folder.name,
            records.folder,
            experiment.lagrangian,
            facts,
            experiment.procedure.epochs(experiment) if instead is None else 0,
            first,
            without_secrets(experiment.config),
            experiment.multipliers,
        )
        log.info("%s; minimise %s; %s", self.command, experiment.lagrangian, dict(facts))
        for doubt in doubts(experiment):
            log.warning("%s", doubt, extra=ONCE)
        for observer in experiment.observers:
            observer.start(info)
        return checkpoint

    def train(self, stop: Callable[[], int | None]) -> Outcome:
        """Begin, run the procedure and write the result. `stop` returns the number of a signal that has come.

        Raises Interrupted at a signal, after saving; ConfigError where the config is wrong; DamagedError where no
        checkpoint is whole; WriteError where the attempt cannot begin to write; OutputError or BrokenPipeError where
        our output cannot be written, or nobody reads it any more. With `debug`, raises any other error but
        RunFailedError, too.
        """
        checkpoint = self.begin()
        experiment = replace(self.experiment, stop=stop)
        try:
            return self.succeed(experiment.procedure.run(experiment, checkpoint))
        except Interrupted as interruption:
            self.interrupt(interruption)
            raise
        except (ConfigError, BrokenPipeError, OutputError):  # wrong from the start, or not the run's fault
            raise
        except Exception as error:
            if experiment.settings.debug and not isinstance(error, RunFailedError):
                raise
            return self.fail(error)

    def succeed(self, finished: Finished) -> Outcome:
        """Draw the figures and write the result of a run that is done; it fails where they cannot be written."""
        try:
            return self._write(finished)
        except WriteError as error:
            return self.fail(error)

    def _write(self, finished: Finished) -> Outcome:
        if self.experiment.settings.figures and finished.params is not None:
            draw_figures(self.experiment, finished.params)
        measured = {"epochs": finished.epochs, "seconds": finished.seconds, **finished.measures}
        if finished.compile_seconds:
            measured["compile_seconds"] = finished.compile_seconds
        if finished.estimates:
            measured |= {"estimates": nested(finished.estimates), "estimate_seconds": finished.estimate_seconds}
        if (of := self.experiment.measured) is not None:
            measured["measured"] = {"run": of.id, "measures": finished.of_measured}
        if (best := self.experiment.records.best) is not None:
            measured["best"] = best
        if finished.doubts:
            measured["doubts"] = finished.doubts
        result = {"status": "done", **self._about(), **measured, "origin": self._origin()}
        self.experiment.records.finish(result)
        outcome = self._told(result)
        for doubt in finished.doubts:
            log.warning("%s", doubt)
        return outcome

    def fail(self, error: Exception) -> Outcome:
        """Write the result of a run that failed, if anything can be written."""
        told = str(error) if isinstance(error, RunFailedError) else _in_a_line(error)
        if out_of_memory(error):
            told = f"{of_memory(error)}: {self._sizes()}"
        log.error("the run failed", exc_info=error)
        result = {"status": "failed", **self._about(), "error": hidden(told), "origin": self._origin()}
        try:
            self.experiment.records.finish(result)
        except WriteError as second:
            log.error("%s", second)  # beside the reason, which is told
        return self._told(result)

    def interrupt(self, stop: Interrupted) -> None:
        """Notify the observers that the run stops for now."""
        stop.told = True
        if (self.folder / "checkpoint.pt").exists():
            told = f"{stop}: saved in {self.folder}. To go on: {self.again}"
        else:  # some procedures save no checkpoint on the way
            told = f"{stop}: nothing of this run is kept. To begin anew: {self.again}"
        self.pause(told)

    def pause(self, told: str) -> None:
        """Notify the observers, in these words, that the run stops for now."""
        for observer in self.experiment.observers:
            observer.interrupt(told)

    def outcome(self, status: str, result: Mapping[str, Any] | None = None) -> Outcome:
        """The run's outcome, for the study's table."""
        found = result or {}
        error, seconds = found.get("error", ""), found.get("seconds")
        return Outcome(status, folder=str(self.folder), test=found.get("test", {}), seconds=seconds, error=error)

    def close(self) -> None:
        """Close the records and release the folder's lock."""
        self.experiment.records.close()

    def _about(self) -> dict[str, Any]:
        return {
            "objective": self.experiment.objective_name,
            "lagrangian": f"minimise {self.experiment.lagrangian}",
            "multipliers": self.experiment.multipliers,
            "seed": self.experiment.settings.seed,
        }

    def _origin(self) -> dict[str, Any]:
        return origin(self.command, self.experiment.device, self.experiment.records.begun)

    def _sizes(self) -> str:
        """What decides how much memory a run takes, and how it is, for one that had too little."""
        settings = self.experiment.settings
        parameters = sum(p.numel() for p in self.experiment.model.parameters())
        return (
            f"a smaller batch_size ({settings.batch_size}), samples ({settings.samples}), eval_samples "
            f"({settings.eval_samples}) or model ({parameters:,} parameters) takes less memory"
        )

    def _told(self, result: dict[str, Any]) -> Outcome:
        for observer in self.experiment.observers:
            observer.finish(result)
        return self.outcome(result["status"], result)


def nested(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """One epoch's lines of estimates.jsonl as {estimator: {quantity: {value, lower, …, saturated, reason}}}."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        told = {name: line[name] for name in ("value", "lower", "upper", "stderr", "saturated", "reason")}
        found.setdefault(line["estimator"], {})[line["quantity"]] = told
    return found


def _in_a_line(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
