"""What tests share: the command as a function, small experiments, and real data where IB_DATA names its folder."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from ib_cli.config.catalogue import directory
from ib_cli.config.quick_composing import quick_composing
from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.main import main
from ib_cli.run.build import build
from ib_cli.run.validation import resolve, validate
from tests.composing import composed_once

torch.set_num_threads(1)  # the models here are tiny, and threads that wait for each other cost more than they bring

# The default run made small, and without estimates: a second or less.
SMALL = (
    "dataset.train_size=200",
    "dataset.test_size=100",
    "architecture.widths=[16]",
    "bottleneck.size=4",
    "epochs=2",
    "batch_size=50",
    "figures=false",
    "estimators=none",
    "device=cpu",
)


@pytest.fixture(scope="session", autouse=True)
def composing_is_quick() -> Iterator[None]:
    """ib-train reads all files of sweeps/, and composes, once in a process; tests start it many times in one."""
    load, folder, read = OmegaConf.load, directory("sweeps"), {}

    def once(file: Any) -> Any:
        if not isinstance(file, Path) or file.parent != folder:
            return load(file)
        if file not in read:
            read[file] = load(file)
        return read[file]  # Hydra's store copies what it gives out

    with pytest.MonkeyPatch.context() as patch, composed_once():
        patch.setattr(OmegaConf, "load", staticmethod(once))
        yield


def pytest_collection_finish() -> None:
    """What has been imported stays to the end: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def ib_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Ended]:
    """Calls ib-train in this process from a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["ib-train", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture
def config() -> Callable[..., dict[str, Any]]:
    """Composes the config of a command's overrides, resolved."""
    return lambda *overrides: deepcopy(composed(overrides))


@cache  # Hydra takes longer than most of the experiments
def composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The resolved config of a command's overrides."""
    with quick_yaml(), quick_composing(), initialize_config_dir(str(directory("conf")), version_base="1.3"):
        return resolve(compose("config", overrides=list(overrides)))


def small(overrides: tuple[str, ...]) -> list[str]:
    """The overrides, after those of `SMALL` that suit them."""
    other = any(word.startswith("architecture=") for word in overrides)  # than mlp, which has widths
    # their samples are the cells of a table, drawn from a law, or those of another run
    of_a_run = {"procedure=nuisance_probe", "procedure=novelty", "procedure=sample_distance"}
    sized = bool({"dataset=therml_toy", "dataset=gaussian", *of_a_run} & set(overrides))
    dropped = ("architecture.",) * other + ("dataset.",) * sized
    return [*(word for word in SMALL if not word.startswith(dropped)), *overrides]


@pytest.fixture
def experiment(tmp_path: Path, config: Callable[..., dict[str, Any]]) -> Callable[..., Experiment]:
    """Builds a small experiment with records in a folder of its own."""

    def make(*overrides: str, folder: str = "run", observers: tuple = ()) -> Experiment:
        records = Records(tmp_path / folder)
        made = build(validate(config(*small(overrides))), records, observers)
        records.open("")
        return made

    return make


@pytest.fixture
def real_data() -> str:
    """The folder with MNIST/raw, FashionMNIST/raw and cifar-10-batches-py."""
    if "IB_DATA" not in os.environ:
        pytest.skip("IB_DATA does not name a folder with real data")
    return os.environ["IB_DATA"]
