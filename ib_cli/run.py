"""One run, from its composed config to its result."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from ib_cli.build import build, construct, resolve, run_folder, run_id, target_of, validate
from ib_cli.describe import describe
from ib_cli.engine.interrupt import Interrupted
from ib_cli.errors import ConfigError, RunFailedError
from ib_cli.experiment import Experiment
from ib_cli.gallery import draw_figures
from ib_cli.observer import RunInfo
from ib_cli.outcome import Outcome
from ib_cli.records import Records
from ib_cli.screen import Screen, show_finished

log = logging.getLogger(__name__)


def run(config: DictConfig, begun: Callable[[Path], object] | None = None) -> Outcome:
    """Validate, build, train and record one run; or show it, if it is done already.

    `begun` is given for a run of a multirun: it is told the run's folder, and the run itself stays off the screen.
    Raises ConfigError, before anything is written, where the config is wrong, and Interrupted at a signal.
    A run that fails for another reason ends as a failed Outcome, with the reason in its result.json.
    """
    plain = resolve(config)
    settings = validate(plain)
    records = Records(run_folder(plain))
    done = records.result
    if done is not None and done["status"] == "done" and not settings.rerun:
        if begun is None:
            show_finished(done, records.folder)
        return _outcome("skipped", records.folder, done)
    screen = (Screen(),) if begun is None else ()
    experiment = build(plain, records, (*screen, construct("tracker", plain["tracker"])))
    records.open(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    try:
        if begun is not None:
            begun(records.folder)
        with _log_file(records.folder):
            result = _train(plain, experiment)
    finally:
        records.close()
    return _outcome(result["status"], records.folder, result)


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
        run_id(plain),
        records.folder,
        experiment.objective.lagrangian(experiment.multipliers),
        describe(plain, experiment),
        settings.epochs,
        checkpoint["epoch"] if checkpoint else 0,
        plain,
    )
    procedure, keys = target_of("procedure", plain["procedure"])
    log.info("%s; %s; %s", shlex.join(sys.argv), result["lagrangian"], dict(info.facts))
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
        again = shlex.join(["ib-train", *sys.argv[1:]])
        for observer in experiment.observers:
            observer.interrupt(f"{stop}: saved in {records.folder}. To go on: {again}")
        raise
    except (ConfigError, BrokenPipeError):  # wrong from the start; or nobody reads our output any more (| head)
        raise
    except Exception as error:
        result["error"] = str(error) if isinstance(error, RunFailedError) else f"{type(error).__name__}: {error}"
        log.exception("the run failed")
        if settings.debug and not isinstance(error, RunFailedError):
            raise
    records.finish(result)
    for observer in experiment.observers:
        observer.finish(result)
    return result


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    """Within the block, what the program logs goes to run.log as well."""
    handler = logging.FileHandler(folder / "run.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("ib_cli")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
