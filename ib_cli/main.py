"""ib-train: compose the config of each run, run it, and end with the right exit code.

Exit codes. 0: done. 1: a run failed, or something cannot be written. 2: the command or config is wrong.
128 + n: stopped by signal n, saved.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NoReturn
from uuid import uuid4

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ib_cli import __version__
from ib_cli.config.catalogue import choices, directory, help_text
from ib_cli.config.error_lines import UsageError, again, check_hydra, check_words, explain, is_of_plugins
from ib_cli.config.expansions import expanded
from ib_cli.config.guarded_hydra import STUDY, guarded_hydra
from ib_cli.config.hydra_parser import whole_parser
from ib_cli.config.own_studies import check_headers, named, study_files
from ib_cli.config.quick_composing import quick_composing
from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.config.shown_package import check_package, package_checked
from ib_cli.config.study_folder import check_study_folder
from ib_cli.config.told_command import typed_as
from ib_cli.config.trust import typed_trust
from ib_cli.config.unreadable_files import UNREADABLE, config_folders, hidden_files, own_file
from ib_cli.contracts.errors import BusyError, ConfigError, OutputError, RunFailedError, WriteError, in_a_line
from ib_cli.run.log_file import printed
from ib_cli.study.callback import studies
from ib_cli.study.job_outcomes import TOKEN, Jobs, Outcome
from ib_cli.study.search_measure import measured_value
from ib_cli.system.folder_lock import at_this_run
from ib_cli.system.output import drop_output, named_output
from ib_cli.system.secrets import begin, told_line
from ib_cli.system.signals import acting, held
from ib_cli.system.uncollected import uncollected
from ib_cli.watch.opening import show_opening

# Words that may bring a config which names a study.
OWN_CONFIG = ("--config-", "-cp", "-cn", "-cd", "--info", "-i", "--cfg", "--hydra-help", "hydra.searchpath")


def main() -> None:
    """The console script `ib-train`."""
    command = list(sys.argv)
    try:
        with named_output():
            code = _ended(command)
    except OutputError as error:
        drop_output()
        print(f"ib-train: {error}", file=sys.stderr)
        code = 1
    except BrokenPipeError:  # the reader of our output has ended, such as `head`; runs can be continued
        drop_output()
        code = 128 + signal.SIGPIPE
    sys.exit(code)


def _ended(command: list[str]) -> int:
    """Do what the command says; returns the exit code. Raises OutputError and BrokenPipeError."""
    verbose = os.environ.get("HYDRA_FULL_ERROR") == "1" or bool({"debug=true", "debug=True"} & set(command))
    studies.clear()
    printed.clear()
    begin(command, os.environ)  # its secrets are hidden from here on
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without γ and ≤ gets a ? instead of an error
    if {"--help", "-h"} & set(command[1:]):
        print(help_text(config_folders(command)), end="")
        return 0
    if "--version" in command[1:]:
        print(f"ib-train {__version__} (torch {version('torch')}, Hydra {hydra.__version__})")
        return 0
    try:
        with acting():
            return _done(command)
    except (OutputError, BrokenPipeError):
        raise
    except WriteError as error:
        return _fail(error.remedy if error.wrong_place else str(error), 2 if error.wrong_place else 1)
    except RunFailedError as error:  # it could not begin: a full disk, a checkpoint that is damaged
        return _fail(str(error), 1)
    except (ConfigError, HydraException, OmegaConfBaseException, *UNREADABLE) as error:
        if verbose:
            traceback.print_exc()
        return _fail(_advised(error, command), 2)
    except ValueError as error:  # from Hydra: flags that do not go together, such as -m with --cfg
        if verbose:
            traceback.print_exc()
        return _fail(_advised(error, command), 2)
    except OSError as error:  # from Hydra, making a multirun's folder; a run reports its own errors
        if own_file(error, command):
            return _fail(_advised(error, command), 2)
        if error.errno == errno.EAGAIN:
            return _fail(f"no more processes can be started here ({error.strerror}): ulimit -u says how many may be", 1)
        told = WriteError(error.filename or "a file of the study", error)
        return _fail(told.remedy, 2 if told.wrong_place else 1)
    except KeyboardInterrupt as stop:
        return _stopped(stop, command)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        if is_of_plugins(error):
            return _fail(_advised(error, command), 2)
        return _fail(f"{in_a_line(error)} (debug=true shows where)", 1)


def _done(command: list[str]) -> int:
    """Compose and run what the words say; returns the exit code."""
    for line in hidden_files(command, directory("conf")):
        print(f"ib-train: {told_line(line)}", file=sys.stderr)
    check_words(command[1:])
    check_package(command[1:])
    words = [command[0], *expanded(command[1:])]
    with (
        typed_as(command), quick_yaml(), quick_composing(), whole_parser(), hydra_raises(), usage_in_a_line(),
        warnings_in_a_line(), mode_known(words), words_for_hydra(words), guarded_hydra(typed_trust(words)),
        folders_checked(), package_checked(),
    ):  # fmt: skip
        return compose_and_run()


def _stopped(stop: KeyboardInterrupt, command: list[str]) -> int:
    """End a command that a signal stops; returns the exit code. The table of a multirun, or one line."""
    if studies and studies[-1].jobs is not None:
        if studies[-1].begun:
            _end_study(stopped=True)
            print(f"stopped; to go on: {again(command)}", file=sys.stderr)
        else:
            studies[-1].give_up("stopped before the first run began")
            print(f"stopped before the first run began; to go on: {again(command)}", file=sys.stderr)
    elif not getattr(stop, "told", False):
        why = f"{stop or 'Ctrl-C'}: stopped before the run began"
        print(f"ib-train: {why}; the same command starts it", file=sys.stderr)
    return getattr(stop, "exit_code", 130)


def _advised(error: Exception, command: list[str]) -> str:
    from ib_cli.config.advice import advised  # here, as a command that is right needs none of it

    return advised(error, command[1:])


def _fail(line: str, code: int) -> int:
    if studies and not studies[-1].begun:
        studies.pop().give_up(line, refused=code == 2)  # no job has begun: there is no table to show
    _end_study()
    print(f"ib-train: {told_line(line)}", file=sys.stderr)
    return code


def _end_study(stopped: bool = False) -> int | None:
    """Print the table of a multirun and return its exit code; None if no multirun has begun."""
    if not studies or studies[-1].jobs is None:
        return None
    return studies[-1].end(stopped)


@contextmanager
def hydra_raises() -> Iterator[None]:
    """Within the block Hydra raises its errors instead of printing them and exiting with code 1."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


@contextmanager
def usage_in_a_line() -> Iterator[None]:
    """Within the block a wrong flag raises ConfigError, where argparse would print its usage and leave."""

    def error(parser: ArgumentParser, message: str) -> NoReturn:
        raise UsageError(f"{message}; ib-train --help and --hydra-help list what there is, and flags come first")

    before = ArgumentParser.error
    ArgumentParser.error = error  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        ArgumentParser.error = before  # type: ignore[method-assign]


@contextmanager
def warnings_in_a_line() -> Iterator[None]:
    """Within the block a warning of Hydra or another library is one line, without its place in their code."""

    def line(message: Warning | str, *about: object, **more: object) -> str:
        return f"ib-train: {told_line(' '.join(str(message).split()))}\n"

    before = warnings.formatwarning
    warnings.formatwarning = line
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextmanager
def words_for_hydra(command: list[str]) -> Iterator[None]:
    """Within the block these are the words that Hydra reads; those of a multirun with a token that names its jobs."""
    typed, words = sys.argv, list(command)
    if {"-m", "--multirun"} & set(command) or any(
        word.startswith(("sweep=", "hydra.mode=MULTIRUN")) for word in command
    ):
        # Beside the other overrides: argparse wants them together.
        place = next((i for i, word in enumerate(command) if i and "=" in word and word[0] != "-"), len(command))
        words.insert(place, f"++hydra.job.env_set.{TOKEN}={uuid4().hex}")
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = typed


@contextmanager
def mode_known(command: list[str]) -> Iterator[None]:
    """Within the block Hydra need not compose the config of a plain single run once more, only to ask it for its mode.

    A flag, a study, a Hydra key or a config of one's own may set the mode: with any of them Hydra asks as always.
    """
    before = Hydra.get_mode
    if not any(word.startswith("-") or "sweep" in word or "hydra." in word for word in command[1:]):
        Hydra.get_mode = lambda self, config_name, overrides: RunMode.RUN  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = before  # type: ignore[method-assign]


@contextmanager
def folders_checked() -> Iterator[None]:
    """Within the block a composed config that would write outside its folder raises ConfigError, before it can."""
    before = Hydra.compose_config

    def compose(self: Hydra, *arguments: Any, **keys: Any) -> DictConfig:
        config = before(self, *arguments, **keys)
        raw: Any = OmegaConf.to_container(config, resolve=False)
        check_study_folder(raw, *(_resolved(config, key) for key in ("name", "output")))
        return config

    Hydra.compose_config = compose  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.compose_config = before  # type: ignore[method-assign]


def _resolved(config: DictConfig, key: str) -> Any:
    try:
        return config.get(key)
    except OmegaConfBaseException:  # told, in its own words, by whoever needs the value
        return None


def compose_and_run() -> int:
    """Let Hydra compose the config of each run, and run them; returns the exit code.

    Raises ConfigError where the config of a single run is wrong, RunFailedError where it cannot begin.
    """
    if any("sweep" in word or word.startswith(OWN_CONFIG) for word in sys.argv[1:]):  # else none can be chosen
        store_studies()
    with held():
        Plugins.instance()  # imports them
    ended: list[int] = []
    wrong: list[Exception] = []  # kept from Hydra, which would print it in its own way

    @hydra.main(version_base="1.3", config_path=str(directory("conf")), config_name="config")
    def task(config: DictConfig) -> float | list[float] | None:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            check_hydra(HydraConfig.get())
            return measured_value(job(config), HydraConfig.get().sweeper.get("measure", "J"))
        try:
            check_hydra(HydraConfig.get())
            open_screen(config)
            ended.append(imported_run()(config).exit_code)
        except Exception as error:
            wrong.append(error)
        return None

    task()
    if wrong:
        raise wrong[0]
    code = _end_study()
    return max(ended, default=0) if code is None else code


def open_screen(config: DictConfig) -> None:
    """Show what the run is, while its imports take their time; of a config that cannot be resolved the run tells."""
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:
        return
    show_opening(plain, HydraConfig.get().runtime.choices)


def imported_run() -> Callable[..., Outcome]:
    """`run`, whose import is torch's: help, wrong words and the first line of a run do without."""
    if "ib_cli.run.run" not in sys.modules:
        with uncollected():
            importlib.import_module("ib_cli.run.run")
    return sys.modules["ib_cli.run.run"].run


def store_studies() -> None:
    """Make every file of sweeps/ an option of Hydra's group `sweep`; they take a quarter of a second to read.

    A file that the command names by its path becomes an option of that name. Raises ConfigError where it is none.
    """
    store, words = ConfigStore.instance(), sys.argv[1:]
    check_headers(words)
    own = study_files(words)
    files = {name: directory("sweeps") / f"{name}.yaml" for name in choices("sweep")} | own
    for option, file in files.items():
        folder, _, name = option.rpartition("/")
        group = "/".join(["sweep", *folder.split("/")] if folder else ["sweep"])
        provider = f"{STUDY}{file}" if option in own else "main"
        with named(file):
            node = OmegaConf.load(file)
        store.store(name=name, group=group, package="_global_", node=node, provider=provider)


def job(config: DictConfig) -> Outcome:
    """One run of a multirun, in any process. Its outcome is written to a file that the first process reads."""
    run, hydra_config = imported_run(), HydraConfig.get()
    overrides = tuple(hydra_config.overrides.task)
    jobs = Jobs.of(hydra_config)

    told: list[Outcome] = []

    def tell(outcome: Outcome) -> Outcome:
        told.append(replace(outcome, overrides=overrides))
        jobs.write(hydra_config.job.num, told[-1])
        return told[-1]

    try:
        with acting():
            return tell(run(config, tell))
    except BusyError as error:
        return tell(Outcome("busy", folder=error.folder, error=at_this_run(error.holder)))
    except ConfigError as error:  # the other runs go on
        return tell(Outcome("wrong", error=explain(error, overrides)))
    except OutputError:
        raise
    except RunFailedError as error:  # it could not begin to write, or to read what it wrote before
        return tell(Outcome("failed", error=str(error)))
    except KeyboardInterrupt:
        if told and told[-1].status == "running":
            tell(replace(told[-1], status="stopped"))
        raise
