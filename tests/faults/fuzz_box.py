"""A person's folders, in which commands are called: in this process, with or without training, or as a process."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from ib_cli import main as ib_train
from ib_cli.config.error_lines import explain
from ib_cli.contracts.errors import ConfigError
from ib_cli.report import main as ib_report
from ib_cli.run import encode as ib_encode
from ib_cli.run import evaluate as ib_evaluate
from ib_cli.run.run_ids import run_folder
from ib_cli.run.validation import resolve, validate
from ib_cli.study.job_outcomes import Jobs, Outcome
from tests.conftest import SMALL, Ended
from tests.faults.command_lines import Command

PROGRAMS = {"ib-train": ib_train, "ib-report": ib_report, "ib-encode": ib_encode, "ib-evaluate": ib_evaluate}
STUDY = "outputs/my_study"
CHECKED = 3  # jobs of a multirun whose configs are validated in a plan
NET = """from torch import nn


class MyNet(nn.Module):
    def __init__(self, shape, *, depth: int):
        super().__init__()
        self.features = 64

    def forward(self, x, tape):
        return x.flatten(1)
"""
FILES = {
    "my_conf/architecture/my_net.yaml": "_target_: my_code.MyNet\ndepth: 2\n",
    "my_conf/sweep/my_sweep.yaml": "# @package _global_\nname: my_sweep\nhydra:\n  mode: MULTIRUN\n",
    "my_study.yaml": "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {seed: '0,1'}\n",
    "broken.yaml": "a: [1\n",
    "my_code.py": NET,
}
HUNG, RAISED = -1, -2  # in place of an exit code


class TookTooLong(BaseException):
    """A command in this process has used up its time."""


class Box:
    """Folders work, home and tmp of a person, with data, configs and a study of two finished runs in work."""

    def __init__(self, folder: Path) -> None:
        """`folder`: a new one."""
        self.folder, self.template = folder / "box", folder / "template"
        self.composed: DictConfig | None = None  # the last config that a plan or a run in this process met
        self.jobs = 0  # of the last plan
        for name in ("work", "home", "tmp"):
            (self.folder / name).mkdir(parents=True)
        for name, content in FILES.items():
            file = self.folder / "work" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        labels = np.arange(8) % 2
        np.savez(self.folder / "work/my.npz", x=np.zeros((8, 64), "float32"), y=labels)
        study = Command("ib-train", ("-m", *SMALL, "epochs=1", "seed=0,1", "name=my_study"))
        assert self.here(study, 120).code == 0
        study_folder = self.folder / "work" / STUDY
        self.runs = (
            STUDY,
            *(f"{STUDY}/{each.name}" for each in sorted(study_folder.iterdir()) if len(each.name) == 10),
        )
        shutil.copytree(self.folder, self.template)

    def plan(self, command: Command, seconds: float = 30) -> Ended:
        """The command in this process, up to its config, a study's plan or a report's words. Nothing is trained."""
        with self._planning():
            return self.here(command, seconds)

    def here(self, command: Command, seconds: float) -> Ended:
        """The command in this process. HUNG and RAISED stand for an exit code where there is none."""
        streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
        environment = {**self._environment(), "PYTHONPATH": ""}
        self.composed, self.jobs, code = None, 0, 0
        with ExitStack() as stack:
            stack.enter_context(_levels_kept())
            stack.enter_context(_in_folder(self.folder / "work"))
            stack.enter_context(patch.dict(os.environ, environment, clear=True))
            stack.enter_context(
                patch.multiple(sys, argv=[command.program, *command.words], stdout=streams[0], stderr=streams[1])
            )
            stack.enter_context(patch.object(tempfile, "tempdir", None))
            stack.enter_context(patch.object(sys, "path", [*sys.path, "."]))
            stack.callback(lambda: sys.modules.pop("my_code", None))
            try:
                with _limited(seconds):
                    PROGRAMS[command.program].main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except TookTooLong:
                code = HUNG
            except BaseException:
                code = RAISED
                traceback.print_exc()
        told = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in streams]  # type: ignore[attr-defined]
        return Ended(code, *told)

    def process(self, command: Command, seconds: float) -> Ended:
        """The command as a process of its own."""
        script = Path(sys.executable).with_name(command.program)
        called = subprocess.Popen(
            [script, *map(os.fsencode, command.words)], cwd=self.folder / "work", env=self._environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            out, err = called.communicate(timeout=seconds)
            code = called.returncode
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(called.pid, signal.SIGKILL)
            (out, err), code = called.communicate(), HUNG
        return Ended(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    def state(self) -> dict[str, tuple[int, int, int]]:
        """Path → kind, size and time of change of all that is in the box."""
        found = {}
        for file in self.folder.rglob("*"):
            about = file.lstat()
            folder = file.is_dir() and not file.is_symlink()
            found[str(file.relative_to(self.folder))] = (
                about.st_mode,
                0 if folder else about.st_size,
                0 if folder else about.st_mtime_ns,
            )
        return found

    def restore(self, before: dict[str, Any]) -> None:
        """Undo what a command has written."""
        if self.state() != before:
            shutil.rmtree(self.folder)
            shutil.copytree(self.template, self.folder)

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in ("PATH", "LANG", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")
        }
        nowhere = "http://127.0.0.1:9"  # so that a download and a tracker fail at once
        closed = {"http_proxy": nowhere, "https_proxy": nowhere, "HTTPS_PROXY": nowhere, "no_proxy": ""}
        home = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "TERM": "dumb", "COLUMNS": "200"}
        mine = {
            "MPLCONFIGDIR": str(self.folder.parent / "matplotlib"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": ".",
        }
        return kept | closed | home | mine

    @contextmanager
    def _planning(self) -> Iterator[None]:
        def run(config: Any, tell: object = None) -> Outcome:
            self.composed = config
            plain = resolve(config)
            run_folder(plain, validate(plain).targets["dataset"]().fingerprint())
            self.jobs += 1
            return Outcome("done")

        def launch(launcher: Any, points: Sequence[Sequence[str]], first: int = 0, **more: int) -> list[JobReturn]:
            first = more.get("initial_job_idx", first)
            self.jobs += len(points)
            return [self._checked(launcher, tuple(words), number) for number, words in enumerate(points, first)]

        Plugins.instance()  # which may import the plugins anew, after a search above all
        launchers = sys.modules["hydra_plugins.ib_train._launcher"].JobLauncher
        with (
            patch("ib_cli.run.run.run", run),
            patch("ib_cli.main.measured_value", lambda outcome, measure: 0.0),
            patch.object(launchers, "launch", launch),
            patch("ib_cli.report.main._write", lambda *given: None),
            patch("ib_cli.report.main._watch", lambda *given: None),
        ):
            yield

    def _checked(self, launcher: Any, words: tuple[str, ...], number: int) -> JobReturn:
        outcome = Outcome("done", words)
        if number < CHECKED:
            try:
                config = launcher.composer(list(words))
                self.composed = config
                plain = config.copy()
                OmegaConf.set_struct(plain, False)
                del plain["hydra"]
                validate(resolve(plain)).targets["dataset"]()
            except ConfigError as error:
                outcome = Outcome("wrong", words, error=explain(error, words))
        Jobs.of(launcher.config.hydra).write(number, outcome)
        measure = launcher.config.hydra.sweeper.get("measure", "J")
        made = JobReturn(overrides=words, status=JobStatus.COMPLETED)
        made.return_value = 0.0 if isinstance(measure, str) else [0.0] * len(measure)
        return made


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _levels_kept() -> Iterator[None]:
    """Loggers as they were: after `hydra.verbose=true` every command would take ten times as long."""
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values() if hasattr(each, "setLevel"))]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]  # type: ignore[union-attr]
    disabled = logging.root.manager.disable
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)  # type: ignore[union-attr]
            logger.handlers[:] = handlers  # type: ignore[union-attr]
        logging.disable(disabled)
