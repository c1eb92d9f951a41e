"""A learning rate that drops where J has come to a plateau is recorded, as nobody knows it beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SMALL, Ended

QUICK = (*SMALL, "estimators=none", "objective=ce", "optimizer.lr=3", "epochs=6")


def test_a_rate_that_drops_at_plateaus_is_recorded(ib_train: Callable[..., Ended], tmp_path: Path) -> None:
    """J of a huge learning rate stands still: the rate of each epoch, before what its J changes."""
    assert ib_train(*QUICK, "schedule=plateau", "schedule.rate=0.1", "schedule.patience=0", "name=dropping").code == 0
    assert ib_train(*QUICK, "schedule=constant", "name=constant").code == 0
    (file,) = tmp_path.glob("outputs/dropping/*/metrics.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    train = [line for line in lines if line["split"] == "train"]
    rates, J = [line["learning_rate"] for line in train], [line["J"] for line in train]
    drops = [rate / 3 for rate in rates]
    found, best, factor = [], math.inf, 1.0
    for value in J:
        found.append(factor)
        factor, best = (factor, value) if value < best else (factor * 0.1, best)
    assert drops == pytest.approx(found) and rates[-1] < rates[0] == 3
    assert not any("learning_rate" in line for line in lines if line["split"] == "test")
    (file,) = tmp_path.glob("outputs/constant/*/metrics.jsonl")
    assert "learning_rate" not in file.read_text()
