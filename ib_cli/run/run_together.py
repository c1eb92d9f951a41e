"""Several runs of a multirun in one process, trained together."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from torch.nn.modules.conv import _ConvNd

from ib_cli.contracts.errors import BusyError, ConfigError, OutputError, RunFailedError, WriteError, in_a_line
from ib_cli.contracts.told_numbers import apart
from ib_cli.engine.portions import out_of_memory
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.run.attempt import Attempt
from ib_cli.run.log_file import log_file, log_of_group
from ib_cli.run.memory import available, bytes_of
from ib_cli.run.process import set_threads
from ib_cli.run.run import prepare
from ib_cli.study.job_outcomes import Outcome
from ib_cli.system import idle_cores as processors
from ib_cli.system.folder_lock import at_this_run
from ib_cli.system.open_files import room
from ib_cli.system.signals import Interrupted, catch_signals, raise_if_asked

Tell = Callable[[int, Outcome], object]
log = logging.getLogger(__name__)
FILES = 6  # that a run holds open in training: its lock, metrics, estimates and what a tracker writes


def run_together(plains: Mapping[int, dict[str, Any]], tell: Tell, max_points: int | None) -> str:
    """Run configs that differ only in what can be stacked, as many at once as memory and open files allow.

    `plains`: resolved configs by job number. `tell` receives a job's number and outcome whenever it changes.
    `max_points` overrides the number that the memory holds. Returns "", or the reason why these must run one by one; in
    that case a job without a call of `tell` has not been touched. Raises Interrupted at a signal, after saving all.
    """
    runs = _prepared(plains, tell)
    if (first := next(runs, None)) is None:
        return ""
    if reason := _refusal(first[1]):
        first[1].close()
        return reason
    runs = chain([first], runs)
    try:
        points = max_points or fitting(first[1].experiment)
    except ConfigError as error:
        for number, run in runs:
            tell(number, replace(run.outcome("wrong"), error=str(error)))
            run.close()
        return ""
    points = max(min(points, room(FILES * min(points, len(plains))) // FILES), 1)
    points = math.ceil(len(plains) / math.ceil(len(plains) / points))  # even groups
    shared = first[1].experiment
    while group := dict(islice(runs, points)):
        folders = [run.folder for run in group.values()]
        if crowded := _train(group, tell):
            points = math.ceil(len(crowded) / 2)
            with log_of_group(folders):
                log.warning(
                    "memory ran out in a step of %d runs together: they go on from their checkpoints, %d at a time, as "
                    "with hydra.launcher.max_points=%d", len(crowded), points, points,
                )  # fmt: skip
            runs = chain(_prepared({number: plains[number] for number in crowded}, tell, shared), runs)
        del group  # before the next one is made: its models are views of the whole stack
    return ""


def _refusal(run: Attempt) -> str:
    """The reason why runs like this one are not trained together, or ''."""
    if not run.experiment.procedure.trains_together:
        return "their procedure trains one run at a time"
    if run.experiment.model.critics:
        return "critics take turns with the model, which a stack does not"
    convolutional = any(isinstance(module, _ConvNd) for module in run.experiment.model.modules())
    if convolutional and run.experiment.device.type == "cpu":
        return "stacked convolutions are slower than single ones on a CPU"
    return ""


def fitting(experiment: Experiment) -> int:
    """How many runs like this one fit in memory together. Raises ConfigError, naming the sizes, if not even one."""
    try:
        one, free = bytes_of(experiment), available(experiment.device)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return 1  # whose own step then says what does not fit
    if one > free:
        needed, there = apart(one / 2**20, free / 2**20, 0)
        raise ConfigError(
            f"batch_size={experiment.settings.batch_size}: a step of this model takes about {needed} MiB and "
            f"{there} MiB can be used on this {experiment.device.type}: choose a smaller batch or model, or "
            "hydra.launcher.max_points=1 to try all the same"
        )
    return free // one


def _prepared(
    plains: Mapping[int, dict[str, Any]], tell: Tell, first: Experiment | None = None
) -> Iterator[tuple[int, Attempt]]:
    """Numbers and attempts of the runs to train, opened one by one; `tell` receives the outcomes of the others.

    The data are loaded once; `first`: an experiment that has them.
    """
    for number, plain in plains.items():
        try:
            run = prepare(plain, screen=False, like=first)
        except BusyError as error:
            tell(number, Outcome("busy", folder=error.folder, error=at_this_run(error.holder)))
        except ConfigError as error:
            tell(number, Outcome("wrong", error=str(error)))
        except (BrokenPipeError, OutputError):
            raise
        except Exception as error:  # of this run alone: its folder cannot be written, or its records are damaged
            raise_if_asked()  # else it may be what an import made of a stop
            if plain.get("debug") and not isinstance(error, RunFailedError):
                raise
            tell(number, Outcome("failed", error=in_a_line(error)))
        else:
            if isinstance(run, Attempt):
                first = first or run.experiment
                yield number, run
            else:
                tell(number, run)


def _train(runs: Mapping[int, Attempt], tell: Tell) -> list[int]:
    """Train runs as one group. Returns the numbers of those that memory ran out for, if others may take their room."""
    crowded: list[int] = []
    try:
        with catch_signals() as stop:
            checkpoints = _begin(runs, tell)
            open_runs = {number: runs[number] for number in checkpoints}
            if open_runs:
                with log_of_group([run.folder for run in open_runs.values()]):
                    crowded = _train_begun(open_runs, checkpoints, stop, tell)
            if (number := stop()) is not None:
                raise Interrupted(number)
    finally:
        for run in runs.values():
            run.close()
    if crowded:
        gc.collect()  # the error is gone, and with it all that held the tensors of its step
    return crowded


def _begin(runs: Mapping[int, Attempt], tell: Tell) -> dict[int, dict[str, Any] | None]:
    """Begin the runs; returns a checkpoint, or None, for each run that could begin."""
    checkpoints: dict[int, dict[str, Any] | None] = {}
    known: dict[int, bool] = {}  # whether the run has lines
    for number, run in runs.items():
        try:
            known[number] = run.experiment.records.metrics.count() > 0
            with log_file(run.folder):
                checkpoints[number] = run.begin()
            tell(number, run.outcome("running"))
        except ConfigError as error:
            tell(number, replace(run.outcome("wrong"), error=str(error)))
        except (BrokenPipeError, OutputError):
            raise
        except Exception as error:  # of this run alone, such as a folder where its metrics should be
            if run.experiment.settings.debug and not isinstance(error, RunFailedError):
                raise
            tell(number, replace(run.outcome("failed"), error=in_a_line(error)))
    if all(known[number] for number in checkpoints):  # else some are new to the study
        _level(runs, checkpoints)
    return checkpoints


def _level(runs: Mapping[int, Attempt], checkpoints: dict[int, dict[str, Any] | None]) -> None:
    """Take the runs that a kill left one checkpoint ahead of the others back to these.

    A group's checkpoints are written one after the other. Runs apart would train apart for a while, and sums over
    another number of runs are rounded in another way.
    """
    moments = {number: _moment(checkpoint) for number, checkpoint in checkpoints.items()}
    behind = min(moments.values(), default=(0, 0))
    for number in (number for number, moment in moments.items() if moment > behind):
        experiment = runs[number].experiment
        if behind > (0, 0):
            checkpoints[number] = experiment.records.go_back(experiment.device, *behind) or checkpoints[number]
        elif moments[number] <= (experiment.settings.checkpoint_every, 0):
            experiment.records.clear()
            checkpoints[number] = None


def _moment(checkpoint: Mapping[str, Any] | None) -> tuple[int, int]:
    return (0, 0) if checkpoint is None else (checkpoint["epoch"], checkpoint.get("step_in_epoch", 0))


def _train_begun(
    runs: Mapping[int, Attempt],
    checkpoints: Mapping[int, dict[str, Any] | None],
    stop: Callable[[], int | None],
    tell: Tell,
) -> list[int]:
    """As `_train`, for runs that have begun."""
    numbers, first = list(runs), next(iter(runs.values()))
    if first.experiment.device.type == "cpu":
        settings = first.experiment.settings
        set_threads(settings, first.experiment.model, len(runs), most=processors.free())
    experiments = [replace(run.experiment, stop=stop) for run in runs.values()]
    left = dict(runs)
    try:
        procedure = first.experiment.procedure
        for i, end in procedure.together(experiments, [checkpoints[number] for number in numbers]):
            tell(numbers[i], _ended(left.pop(numbers[i]), end))
    except Interrupted as interruption:
        for number, run in left.items():
            run.interrupt(interruption)
            tell(number, run.outcome("stopped"))
        raise
    except (ConfigError, BrokenPipeError, OutputError):
        raise
    except Exception as error:  # an error of the whole group
        if out_of_memory(error) and len(left) > 1:
            for run in left.values():
                run.pause("memory ran out: it goes on in a smaller group")
            return list(left)
        if first.experiment.settings.debug:
            raise
        for number, run in left.items():
            tell(number, _ended(run, error))
    return []


def _ended(run: Attempt, end: Finished | Exception) -> Outcome:
    """Write the end of a run. A run that cannot write is its own failure, not the group's."""
    try:
        with log_file(run.folder):
            return run.fail(end) if isinstance(end, Exception) else _succeeded(run, end)
    except WriteError as error:
        return replace(run.outcome("failed"), error=str(error))


def _succeeded(run: Attempt, finished: Finished) -> Outcome:
    """The end of a run that is done; it fails where that cannot be drawn or written. With `debug`, raises."""
    try:
        return run.succeed(finished)
    except (BrokenPipeError, OutputError):
        raise
    except Exception as error:
        if run.experiment.settings.debug:
            raise
        return run.fail(error)
