"""A run that is killed or interrupted ends as if nothing had happened."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from ib_cli.engine import train
from ib_cli.experiment.experiment import Experiment
from ib_cli.main import main
from ib_cli.procedures.fit.fit import Fit
from ib_cli.system.signals import Interrupted, catch_signals
from ib_cli.watch.observer import Observer
from tests.families import family
from tests.processes import Forked, signal_at

# Everything that has a state: averages, a plateau, batch norm, dropout, augmentation's generator, momentum.
STATEFUL = (
    "architecture.batch_norm=true",
    "architecture.dropout=0.2",
    "averaging=0.9",
    "schedule=plateau",
    "schedule.patience=0",
    "dataset.crop=1",
    "clip=1",
    "samples=2",
)
# Three epochs of 20 steps, for signals at a step of one's choice.
QUICK = (
    *("dataset.train_size=200", "dataset.test_size=100", "batch_size=10", "epochs=3", "architecture.widths=[16]"),
    *("estimators.use=[gaussian]", "figures=false", "device=cpu", *STATEFUL),
)
# Long epochs, so that a signal from outside lands within one.
SLOW = ("dataset.train_size=1200", "batch_size=4", "epochs=4", "figures=false", "device=cpu", *STATEFUL)


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "ib_cli", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def complete(folder: Path, *arguments: str, code: int = 0) -> str:
    """Calls ib-train in this process, from a folder, to its end with an exit code; what it printed."""
    folder.mkdir(exist_ok=True)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), pytest.raises(SystemExit) as end:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["ib-train", *arguments])
        main()
    assert int(end.value.code or 0) == code, printed.getvalue()
    return printed.getvalue()


def the_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def wait_for_epoch(folder: Path, epoch: int) -> None:
    """Until an epoch's checkpoint stands, and then a moment into the next."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        lines = list(folder.glob("outputs/runs/*/metrics.jsonl"))
        if (
            lines
            and lines[0].read_text().count("\n") >= 2 * epoch
            and list(folder.glob("outputs/runs/*/checkpoint.pt"))
        ):
            time.sleep(0.15)
            return
        time.sleep(0.01)
    raise AssertionError("the run did not get that far")


def records(folder: Path) -> tuple[str, dict]:
    """What must be equal: the metrics to the letter, and the result but for the time it took."""
    result = json.loads((the_run(folder) / "result.json").read_text())
    result = {key: value for key, value in result.items() if not key.endswith("seconds") and key != "origin"}
    return (the_run(folder) / "metrics.jsonl").read_text(), result


def saved(folder: Path) -> tuple[int, int]:
    """The epochs, and the steps of the next one, that the checkpoint has."""
    state = torch.load(the_run(folder) / "checkpoint.pt", weights_only=True)
    return state["epoch"], state["step_in_epoch"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    complete(folder, *QUICK)
    return records(folder)


@pytest.mark.parametrize("kills", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_sigkill_in_the_middle_of_an_epoch(tmp_path: Path, undisturbed: tuple[str, dict], kills: int) -> None:
    for epoch in range(1, kills + 1):  # each time 10 steps after the epoch's checkpoint
        code, output = Forked(tmp_path / "run", *QUICK, before=partial(signal_at, 31, signal.SIGKILL)).end()
        assert code == -signal.SIGKILL and saved(tmp_path / "run") == (epoch, 0), output
        assert not (the_run(tmp_path / "run") / "result.json").exists()
    assert "goes on at epoch" in complete(tmp_path / "run", *QUICK)
    assert records(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("number", family([signal.SIGINT, signal.SIGTERM, signal.SIGUSR2], every=2))
def test_signals_save_say_how_to_go_on_and_exit(tmp_path: Path, undisturbed: tuple[str, dict], number: int) -> None:
    hook = signal_at(31, number)
    try:
        output = complete(tmp_path, *QUICK, code=128 + number)
    finally:
        hook.remove()
    assert "saved in" in output and "To go on: ib-train dataset.train_size=200" in output
    assert saved(tmp_path) == (1, 11)  # the step within which the signal came is taken
    complete(tmp_path, *QUICK)
    assert records(tmp_path) == undisturbed


@pytest.fixture(scope="module")
def long_undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    complete(folder, *SLOW)
    return records(folder)


@pytest.mark.slow
def test_sigkill_from_outside(tmp_path: Path, long_undisturbed: tuple[str, dict]) -> None:
    for epoch in (1, 2):
        process = start(tmp_path, *SLOW)
        wait_for_epoch(tmp_path, epoch)
        process.kill()
        process.communicate()
        assert not (the_run(tmp_path) / "result.json").exists()
    assert "goes on at epoch" in complete(tmp_path, *SLOW)
    assert records(tmp_path) == long_undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_from_outside(tmp_path: Path, long_undisturbed: tuple[str, dict], number: int, code: int) -> None:
    process = start(tmp_path, *SLOW)
    wait_for_epoch(tmp_path, 1)
    process.send_signal(number)
    output = process.communicate()[0]
    assert process.returncode == code, output
    assert "saved in" in output and "To go on: ib-train dataset.train_size=1200" in output
    epoch, step = saved(tmp_path)
    assert step > 0 or epoch > 0
    complete(tmp_path, *SLOW)
    assert records(tmp_path) == long_undisturbed


class Stopper(Observer):
    """Sends Ctrl-C to this process after some steps of an epoch, or when a split has been evaluated."""

    def __init__(self, epoch: int, step: int | str) -> None:
        self.where = (epoch, step)

    def progress(self, epoch: int, step: int, steps: int, measures: object) -> None:
        if (epoch, step) == self.where:
            os.kill(os.getpid(), signal.SIGINT)

    def evaluated(self, line: dict) -> None:
        if (line["epoch"], line["split"]) == self.where:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("more", [(), ("evaluate_train=true", "evaluate_every=2")])
def test_an_interruption_at_a_known_step_goes_on_bit_for_bit(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)
    words = (*STATEFUL, "epochs=3", *more)
    whole = experiment(*words)
    expected = Fit(patience=None, watch="J").run(whole, None)
    part = experiment(*words, folder="part", observers=(Stopper(1, 2),))
    with catch_signals() as stop, pytest.raises(Interrupted):
        Fit(patience=None, watch="J").run(replace(part, stop=stop), None)
    checkpoint = part.records.load_checkpoint(torch.device("cpu"))
    assert (checkpoint["epoch"], checkpoint["step_in_epoch"]) == (1, 2)
    part.records.close()
    rest = experiment(*words, folder="part")
    ended = Fit(patience=None, watch="J").run(rest, rest.records.load_checkpoint(torch.device("cpu")))
    assert ended.measures == expected.measures
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())
    assert rest.records.metrics.read() == whole.records.metrics.read()


def test_a_signal_in_the_last_evaluation_is_not_lost(experiment: Callable[..., Experiment]) -> None:
    made = experiment("epochs=2", observers=(Stopper(2, "test"),))
    with catch_signals() as stop, pytest.raises(Interrupted):
        Fit(patience=None, watch="J").run(replace(made, stop=stop), None)
    assert made.records.load_checkpoint(torch.device("cpu"))["epoch"] == 2


def test_a_signal_ends_a_multirun_and_not_only_its_run(tmp_path: Path) -> None:
    words = ("-m", "name=runs", "dataset.train_size=600", "epochs=1", "eval_samples=400", "figures=false", "seed=0,1")
    process = start(tmp_path, *words)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("outputs/runs/*/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate()[0]
    assert process.returncode == 130, output
    assert "1 waiting" in output or "2 waiting" in output, output
    assert "to go on: ib-train -m name=runs" in output
