"""A run goes on from its checkpoint on the same device, and on another one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from ib_cli.engine import train
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.fit.fit import Fit
from ib_cli.system.signals import Interrupted, catch_signals
from ib_cli.watch.observer import Observer
from tests.cuda.conftest import WORD, assert_close, same_numbers

pytestmark = pytest.mark.cuda
STATEFUL = (
    "architecture.batch_norm=true", "architecture.dropout=0.2", "averaging=0.9", "clip=1", "epochs=3",
    "schedule=plateau", "objective=vae",
)  # fmt: skip
WAYS = [(WORD, WORD), (WORD, "cpu"), ("cpu", WORD)]
FIT = Fit(patience=None, watch="J")


class Stopper(Observer):
    """Asks this process to stop after some steps of an epoch, or when the test split has been evaluated."""

    def __init__(self, epoch: int, step: int | str) -> None:
        self.where = (epoch, step)

    def progress(self, epoch: int, step: int, steps: int, measures: object) -> None:
        if (epoch, step) == self.where:
            os.kill(os.getpid(), signal.SIGINT)

    def evaluated(self, line: dict) -> None:
        if (line["epoch"], line["split"]) == self.where:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def goes_on(made: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Stops a run on one device and ends it on another."""
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)

    def run(words: tuple[str, ...], devices: tuple[str, str], stopper: Stopper, procedure: Procedure) -> Finished:
        first, second = devices
        part = made(*words, f"device={first}", folder="part", observers=(stopper,))
        with catch_signals() as stop, pytest.raises(Interrupted):
            procedure.run(replace(part, stop=stop), None)
        part.records.close()
        rest = made(*words, f"device={second}", folder="part")
        ended = procedure.run(rest, rest.records.load_checkpoint(torch.device(second)))
        assert ended.params is not None
        assert {p.device.type for p in ended.params.values()} == {second}
        return ended

    return run


@contextmanager
def as_drawn() -> Iterator[None]:
    """Within the block, each device draws its own numbers."""
    yield


@pytest.mark.parametrize("devices", WAYS, ids=" to ".join)
def test_a_run_ends_as_an_undisturbed_one(
    made: Callable[..., Experiment], goes_on: Callable, devices: tuple[str, str]
) -> None:
    with same_numbers():
        expected = FIT.run(made(*STATEFUL), None)
        ended = goes_on(STATEFUL, devices, Stopper(2, "test"), FIT)
    for split, measures in expected.measures.items():
        assert_close(ended.measures[split], measures)


@pytest.mark.parametrize("devices", WAYS, ids=" to ".join)
@pytest.mark.parametrize("numbers", [same_numbers, as_drawn])
def test_a_run_goes_on_within_an_epoch(
    made: Callable[..., Experiment],
    goes_on: Callable,
    caplog: pytest.LogCaptureFixture,
    devices: tuple[str, str],
    numbers: Callable,
) -> None:
    with numbers():
        expected = FIT.run(made(*STATEFUL), None)
        ended = goes_on(STATEFUL, devices, Stopper(1, 2), FIT)
    elsewhere = devices[0] != devices[1]
    for split, measures in expected.measures.items():
        assert_close(ended.measures[split], measures, 0.3 if elsewhere and numbers is as_drawn else 1e-3)
    assert ("another kind of device" in caplog.text) == (elsewhere and numbers is as_drawn)


@pytest.mark.parametrize("devices", WAYS, ids=" to ".join)
def test_chains_go_on(made: Callable[..., Experiment], goes_on: Callable, devices: tuple[str, str]) -> None:
    words = ("objective=ce", "procedure=langevin", "procedure.temperature=1", "procedure.burn_in=0", "epochs=8",
             "procedure.steps=3", "procedure.chains=2", "procedure.prior=0.01")  # fmt: skip
    with same_numbers():
        whole = made(*words)
        expected = whole.procedure.run(whole, None)
        part = made(*words, f"device={devices[0]}", folder="part", observers=(Stopper(4, "train"),))
        with catch_signals() as stop, pytest.raises(Interrupted):
            part.procedure.run(replace(part, stop=stop), None)
        part.records.close()
        rest = made(*words, f"device={devices[1]}", folder="part")
        ended = rest.procedure.run(rest, rest.records.load_checkpoint(torch.device(devices[1])))
    assert_close(ended.measures["train"], expected.measures["train"])


@pytest.mark.parametrize("launcher", ["sequential", "vectorized"])
def test_what_a_cpu_has_done_is_done(ib_train: Callable, launcher: str) -> None:
    study = (
        "-m", "dataset.train_size=100", "dataset.test_size=50", "estimators=none", "figures=false", "gamma=1e-2,1",
        "epochs=2", f"hydra/launcher={launcher}",
    )  # fmt: skip
    assert ib_train(*study, "device=cpu").code == 0
    ended = ib_train(*study, f"device={WORD}")  # the device is no part of a run's id
    assert ended.code == 0 and "2 skipped" in ended.out, ended.out + ended.err
