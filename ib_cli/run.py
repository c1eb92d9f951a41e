"""One run, from its composed config to its result."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from ib_cli.build import build, construct, resolve, run_folder, target_of, validate
from ib_cli.describe import describe
from ib_cli.engine.interrupt import Interrupted, catch_signals
from ib_cli.errors import ConfigError, RunFailedError
from ib_cli.experiment import Experiment
from ib_cli.explain import again
from ib_cli.gallery import draw_figures
from ib_cli.observer import RunInfo
from ib_cli.outcome import TOKEN, Outcome
from ib_cli.records import Records
from ib_cli.screen import Screen, show_finished

log = logging.getLogger(__name__)


def run(config: DictConfig, tell: Callable[[Outcome], object] | None = None) -> Outcome:
    """Validate, build, train and record one run; or show it, if it is done already.

    `tell` is given for a run of a multirun: it hears when the run has begun, and the run itself stays off the screen.
    Raises ConfigError, before anything is written, where the config is wrong, and Interrupted at a signal.
    A run that fails for another reason ends as a failed Outcome, with the reason in its result.json.
    """
    plain = resolve(config)
    settings = validate(plain)
    records = Records(run_folder(plain, construct("dataset", plain["dataset"]).fingerprint()))
    done = records.result
    if done is not None and done["status"] == "done" and not settings.rerun:
        if tell is None:
            show_finished(done, records.folder)
        return _outcome("skipped", records.folder, done)
    screen = (Screen(),) if tell is None else ()
    experiment = build(plain, records, (*screen, construct("tracker", plain["tracker"])))
    procedure, keys = target_of("procedure", plain["procedure"])
    if hasattr(procedure, "check"):
        procedure.check(experiment, **keys)
    records.open(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    try:
        if tell is not None:
            tell(Outcome("running", folder=str(records.folder)))
        with _log_file(records.folder), catch_signals() as stop:
            result = _train(plain, replace(experiment, stop=stop))
            outcome = _outcome(result["status"], records.folder, result)
            if (number := stop()) is not None:  # too late for this run, which is done, but not for those after it
                if tell is not None:
                    tell(outcome)
                raise Interrupted(number)
    finally:
        records.close()
    return outcome


def _outcome(status: str, folder: Path, result: Mapping[str, Any]) -> Outcome:
    return Outcome(status, folder=str(folder), test=result.get("test", {}), seconds=result.get("seconds"),
                   error=result.get("error", ""))  # fmt: skip


def _train(plain: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    settings, records = experiment.settings, experiment.records
    if settings.rerun:
        records.clear()
    (records.folder / "result.json").unlink(missing_ok=True)  # of an attempt that failed
    checkpoint = records.load_checkpoint(experiment.device)
    result = {
        "status": "failed",
        "objective": plain["objective"]["name"],
        "lagrangian": f"minimise {experiment.objective.lagrangian(experiment.multipliers)}",
        "multipliers": experiment.multipliers,
        "seed": settings.seed,
    }
    info = RunInfo(
        settings.name,
        records.folder.name,
        records.folder,
        experiment.objective.lagrangian(experiment.multipliers),
        describe(plain, experiment),
        settings.epochs,
        checkpoint["epoch"] if checkpoint else 0,
        plain,
    )
    procedure, keys = target_of("procedure", plain["procedure"])
    log.info(
        "%s; %s; %s", shlex.join(word for word in sys.argv if TOKEN not in word), result["lagrangian"], dict(info.facts)
    )
    for observer in experiment.observers:
        observer.start(info)
    try:
        finished = procedure(experiment, checkpoint, **keys)
        if settings.figures:
            draw_figures(experiment, finished.params)
        result |= {
            "status": "done",
            "epochs": finished.epochs,
            "seconds": finished.seconds,
            **finished.measures,
            "estimates": {},
        }
    except Interrupted as stop:
        for observer in experiment.observers:
            observer.interrupt(f"{stop}: saved in {records.folder}. To go on: {again(sys.argv)}")
        raise
    except (ConfigError, BrokenPipeError):  # wrong from the start; or nobody reads our output any more (| head)
        raise
    except Exception as error:
        result["error"] = (
            str(error)
            if isinstance(error, RunFailedError)
            else f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
        log.exception("the run failed")
        if settings.debug and not isinstance(error, RunFailedError):
            raise
    records.finish(result)
    for observer in experiment.observers:
        observer.finish(result)
    return result


class _Warnings(logging.Handler):
    """Warnings of the program, such as a tracker that gave up, on standard error as it is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            print(f"ib-train: {record.getMessage()}", file=sys.stderr)


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
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
