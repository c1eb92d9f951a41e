"""One run, from its composed config to its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ib_cli.config.error_lines import again
from ib_cli.config.public_names import short_name
from ib_cli.config.told_command import told_command, typed_words
from ib_cli.datasets.dataset import DataSet
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.run.attempt import Attempt, open_attempt
from ib_cli.run.build import build
from ib_cli.run.log_file import log_file
from ib_cli.run.process import set_up
from ib_cli.run.run_ids import run_folder
from ib_cli.run.validation import resolve, validate
from ib_cli.study.job_outcomes import Outcome
from ib_cli.system.signals import Interrupted, catch_signals
from ib_cli.watch.maker import other_maker
from ib_cli.watch.screen import Screen, own_symbols, show_finished


def run(config: DictConfig, tell: Callable[[Outcome], object] | None = None) -> Outcome:
    """Validate, build, train and record one run; or show it, if it is done already.

    `tell`, given for a run of a multirun, receives its outcome when it begins; the run is then not shown on the screen.
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
            outcome = prepared.train(stop)
            if (number := stop()) is not None:  # too late for this run, which is done, but not for the next ones
                if tell is not None:
                    tell(outcome)
                raise Interrupted(number, told=True)
    finally:
        prepared.close()
    return outcome


def prepare(plain: dict[str, Any], screen: bool, like: Experiment | None = None) -> Attempt | Outcome:
    """An attempt with its folder open and locked, or the outcome of a run that is done. `screen`: show the run.

    `like`: an experiment with the same data. Raises ConfigError where the config is wrong, BusyError where another
    process has the run.
    """
    valid = validate(plain)
    dataset: DataSet = valid.targets["dataset"]()
    records = Records(run_folder(plain, dataset.fingerprint()))
    if not valid.settings.rerun and (skipped := _done_before(records, screen, plain)) is not None:
        return skipped
    observers = (*((Screen(),) if screen else ()), valid.targets["tracker"]())
    experiment = build(valid, records, observers, dataset, like)
    set_up(experiment)
    program, *words = typed_words()
    attempt = open_attempt(experiment, told_command([Path(program).name, *words]), again([program, *words]))
    if (
        not valid.settings.rerun and (skipped := _done_before(records, screen, plain)) is not None
    ):  # done by another process
        attempt.close()
        return skipped
    return attempt


def _done_before(records: Records, screen: bool, config: Mapping[str, Any]) -> Outcome | None:
    """The outcome of a run that is done, shown if there is a screen. Raises DamagedError where its records are."""
    done = records.done
    if done is None:
        return None
    if screen:
        tracked = short_name("tracker", str(config["tracker"]["_target_"])) != "none"
        show_finished(done, records.folder, own=own_symbols(config), tracked=tracked)
    known = {"folder": str(records.folder), "test": done.get("test", {}), "seconds": done.get("seconds")}
    return Outcome("skipped", **known, maker=other_maker(done))
