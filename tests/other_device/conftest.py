"""Runs on the other device: `other` makes it the device of every experiment, and writes down the waits in epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import torch

from ib_cli.engine import group, seeds, train
from ib_cli.experiment import evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.procedures.thermodynamics import chains, coupled_models, relaxing_law
from ib_cli.run import build
from ib_cli.run.validation import validate
from tests.conftest import small
from tests.other_device import device
from tests.other_device.waits import WAITS

FEW = {"train_size": 60, "test_size": 30}  # samples of a data set, for two steps and an evaluation of a batch
PASSES = 2  # over a table


@dataclass
class Other:
    """Where experiments are built, and what the host waited for within their epochs."""

    device: torch.device
    waits: list[str] = field(default_factory=list)

    def watched(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """A part of an epoch, whose waits are written down."""

        @wraps(run)
        def call(*arguments: Any, **keys: Any) -> Any:
            with WAITS.watched() as waits:
                try:
                    return run(*arguments, **keys)
                finally:
                    self.waits.extend(waits)

        return call


STEPS: tuple[tuple[Any, str], ...] = (  # what an epoch consists of
    (train.Epoch, "run"),
    (group.GroupEpoch, "run"),
    (chains.Chains, "advance"),
    (relaxing_law.Ensemble, "advance"),
    (coupled_models, "exchanged"),
    (coupled_models, "_learned"),
)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    """Experiments are on the device, and no screen asks how far they are."""
    found = Other(torch.device(device.NAME))  # without a number, as CUDA's
    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, found.watched(getattr(owner, name)))
    monkeypatch.setattr(build, "pick_device", lambda wanted: found.device)
    monkeypatch.setattr(seeds, "Generator", device.generator)
    monkeypatch.setitem(evaluation.AT_ONCE, device.NAME, evaluation.AT_ONCE["cuda"])
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", math.inf)
    with device.storages(), device.checked_generators():
        yield found


@pytest.fixture
def tiny(tmp_path: Path, config: Callable[..., dict[str, Any]]) -> Callable[..., Experiment]:
    """Builds a small experiment, made smaller after its config is composed: others compose the same one."""

    def make(*overrides: str, folder: str = "run") -> Experiment:
        found = config(*small(overrides))
        if "passes" in found["dataset"]:
            found["dataset"]["passes"] = PASSES
        else:
            few = {key: size for key, size in FEW.items() if found["dataset"].get(key) is not None}
            found["dataset"].update(few)
        records = Records(tmp_path / folder)
        made = build.build(validate({**found, "eval_samples": 2}), records)
        records.open("")
        return made

    return make
