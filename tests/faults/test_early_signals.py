"""Ctrl-C and SIGTERM while a command imports: noted, then one line and a defined exit code."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path

import pytest

from hydra_plugins.ib_train._worker import Worker
from ib_cli.system.signals import Interrupted, acting, catch_signals, held, raise_if_asked
from tests.conftest import SMALL
from tests.families import family

ROOT = Path(__file__).parents[2]
NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
# Calls a command that gets a signal while it imports a module, whose own code then runs on.
AT_IMPORT = """
import os, sys
class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            os.kill(os.getpid(), NUMBER)
sys.meta_path.insert(0, Signalling())
from ib_cli import commands
sys.argv = [f"ib-{COMMAND}", *WORDS]
getattr(commands, COMMAND)()
"""


def signalled(
    folder: Path, command: str, module: str, number: signal.Signals, *words: str
) -> subprocess.CompletedProcess[str]:
    constants = f"MODULE, NUMBER, COMMAND, WORDS = {module!r}, {int(number)}, {command!r}, {words!r}"
    return subprocess.run(
        [sys.executable, "-c", constants + AT_IMPORT], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("module", family(["omegaconf", "numpy.linalg"], quick=["omegaconf"]))
def test_a_signal_while_ib_train_imports(tmp_path: Path, module: str) -> None:
    number = signal.SIGINT if module == "numpy.linalg" else signal.SIGTERM
    ended = signalled(tmp_path, "train", module, number, *SMALL)
    line = f"ib-train: {NAMES[number]}: stopped before the run began; the same command starts it\n"
    assert (ended.returncode, ended.stderr) == (128 + number, line), ended.stderr
    assert "Traceback" not in ended.stdout and not list(tmp_path.rglob("result.json"))


@pytest.mark.parametrize(
    "command, module", [("report", "argparse"), ("report", "pandas"), ("encode", "argparse"), ("evaluate", "argparse")]
)
def test_a_signal_while_another_command_imports(tmp_path: Path, command: str, module: str) -> None:
    (tmp_path / "study").mkdir()
    ended = signalled(tmp_path, command, module, signal.SIGTERM, "study")
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "stopped\n", ""), ended.stdout + ended.stderr


def test_every_console_script_notes_signals_before_it_imports() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    scripts = settings["options.entry_points"]["console_scripts"].split("\n")
    homes = {line.partition("=")[2].strip() for line in scripts if line}
    assert homes == {f"ib_cli.commands:{name}" for name in ("train", "report", "encode", "evaluate")}
    heavy = {"typing", "threading", "argparse", "hydra", "omegaconf", "numpy", "torch"}
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules); import ib_cli.commands; "
    code += f"print(sorted({heavy!r} & (set(sys.modules) - before)))"
    said = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_second_signal_ends_a_command_that_imports() -> None:
    code = (
        "import os, sys; sys.argv = ['/bin/ib-train']; from ib_cli.system.signals import note_signals; note_signals(); "
        "os.kill(os.getpid(), 15); print('noted', flush=True); os.kill(os.getpid(), 2); print('both', flush=True); "
        "os.kill(os.getpid(), 15); print('not reached')"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (143, "noted\nboth\n", "ib-train: SIGTERM: stopped\n")


def test_held_signals_are_raised_at_the_end_of_the_outermost_block() -> None:
    passed = []
    with pytest.raises(Interrupted) as stop, acting():
        with held():
            with held():
                signal.raise_signal(signal.SIGTERM)
            passed.append("inner")
        passed.append("never")
    assert passed == ["inner"] and stop.value.exit_code == 143


def test_a_signal_acts_at_once_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted), acting():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    with acting():
        raise_if_asked()  # what came before is forgotten


def test_an_error_that_an_import_makes_of_a_stop_is_a_stop() -> None:
    with pytest.raises(Interrupted) as stop, acting():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise AttributeError("partially initialised") from None
    assert stop.value.exit_code == 130
    with pytest.raises(AttributeError), acting():
        raise AttributeError("without a signal")


def test_a_swallowed_signal_stops_the_run_that_follows() -> None:
    with acting():
        with suppress(KeyboardInterrupt):  # as Python does in callbacks of weak references
            signal.raise_signal(signal.SIGTERM)
        with catch_signals() as stop:
            assert stop() == signal.SIGTERM
        with pytest.raises(Interrupted):
            raise_if_asked()
    with catch_signals() as stop:
        assert stop() is None


def test_a_worker_that_is_stopped_before_it_can_work(capfd: pytest.CaptureFixture) -> None:
    worker = Worker({})
    os.kill(worker.process.pid, signal.SIGINT)
    worker.wait()
    assert worker.process.exitcode == 130
    assert capfd.readouterr().err == ""
    worker.dismiss()


@pytest.mark.slow
@pytest.mark.parametrize("first_process", [False, True])
@pytest.mark.parametrize("number", NAMES)
def test_kills_at_random_times(tmp_path: Path, number: signal.Signals, first_process: bool) -> None:
    """From the first statement on; `first_process`: of a container, whose kernel drops signals without a handler."""
    words = [sys.executable, "-c", "print(flush=True); from ib_cli.commands import train; train()"]
    if first_process:
        if os.getuid() or subprocess.run(["unshare", "-p", "-f", "true"]).returncode:
            pytest.skip("a namespace of processes needs root")
        words = ["unshare", "-p", "-f", "--mount-proc", "--kill-child", *words]
    moments = random.Random(21)
    for _ in range(12):
        process = subprocess.Popen(
            [*words, *SMALL, "epochs=1000"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        wait = 0.1 + moments.uniform(0, 3)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            os.kill(int(children[0]) if first_process else process.pid, number)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 128 + number, (wait, out, err)
        assert "Traceback" not in out + err and "ignored" not in err
        assert "stopped before the run began" in err or "To go on" in out or "To begin anew" in out, (wait, out, err)
