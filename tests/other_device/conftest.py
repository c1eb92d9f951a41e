"""Runs on the other device: `other` makes it the device of every experiment, and writes down the waits in epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
import torch

from ib_cli.engine import group, seeds, train
from ib_cli.experiment import evaluation
from ib_cli.run import build
from tests.other_device import device
from tests.other_device.waits import WAITS


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the host waited for within epochs, while experiments are on the device."""
    found: list[str] = []

    def watched(run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def call(*arguments: Any) -> Any:
            with WAITS.watched() as waits:
                try:
                    return run(*arguments)
                finally:
                    found.extend(waits)

        return call

    for epoch in (train.Epoch, group.GroupEpoch):
        monkeypatch.setattr(epoch, "run", watched(epoch.run))
    monkeypatch.setattr(build, "pick_device", lambda wanted: torch.device(device.NAME))  # without a number, as CUDA's
    monkeypatch.setattr(seeds, "Generator", device.generator)
    monkeypatch.setitem(evaluation.AT_ONCE, device.NAME, evaluation.AT_ONCE["cuda"])
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", float("inf"))  # a report waits once, and has a test of its own
    with device.storages(), device.checked_generators():
        yield found
