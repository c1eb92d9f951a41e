"""A small experiment whose parameters can be sampled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.run.build import build
from ib_cli.run.validation import validate

# 40 points of the plane with labels that a network of 2 units and 12 parameters can tell apart; an exact loss.
SMALL = (
    "dataset=npz", "dataset.path=points.npz", "objective=ce", "architecture.widths=[2]", "architecture.activation=tanh",
    "batch_size=40", "estimators.use=[]", "figures=false", "device=cpu",
)  # fmt: skip


@pytest.fixture
def small(
    tmp_path: Path, config: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Experiment]:
    """Builds the experiment, with records in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2)).astype("float32")
    np.savez("points.npz", x=x, y=(x[:, 0] + 0.5 * rng.normal(size=50) > 0).astype(int))
    np.savez("line.npz", x=x, y=(x[:, 0] + 0.5 * rng.normal(size=50)).astype("float32"))

    def make(*overrides: str, folder: str = "run") -> Experiment:
        records = Records(tmp_path / folder)
        made = build(validate(config(*SMALL, *overrides)), records)
        records.open("")
        return made

    return make
