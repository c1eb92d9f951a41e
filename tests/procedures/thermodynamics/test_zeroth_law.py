"""Two models that exchange J: one temperature when coupled, and none of it flows when they part at that temperature."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics.zeroth_law import ZerothLaw
from ib_cli.system.signals import Interrupted
from tests.conftest import Ended
from tests.families import family

KEYS: dict[str, Any] = {
    "temperature": 0.05, "other_temperature": 0.4, "prior": 0.5, "other_prior": 0.7, "chains": 32, "steps": 30,
    "burn_in": 8, "step_size": 1e-2,
}  # fmt: skip


@pytest.fixture
def regression(small: Callable[..., Experiment]) -> Experiment:
    """A linear regression of 10 parameters, all determined by the data, so that the virial is sharp."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 8)).astype("float32")
    np.savez("eight.npz", x=x, y=(x.sum(1) / 3 + 0.5 * rng.normal(size=50)).astype("float32"))
    return small("epochs=42", "architecture.widths=[]", "dataset.path=eight.npz", "classifier=gaussian")


@pytest.mark.slow
def test_two_models_come_to_one_temperature(regression: Experiment) -> None:
    finished = ZerothLaw(**KEYS).run(regression, None)
    lines = [json.loads(line) for line in (regression.records.folder / "thermodynamics.jsonl").read_text().splitlines()]
    assert [line["predicted"] for line in lines[:2]] == [0.05, 0.4]
    sigma = finished.measures["train"]["sigma"]
    assert 0.05 * 1.5 < sigma < 0.4 / 1.2 and lines[2]["predicted"] == lines[3]["predicted"] == sigma
    for line in lines:  # the 20 parameters of a copy have a σ of the total of theirs, known to 1/20 of it
        away = abs(line["measured"] - line["predicted"])
        assert away < 3 * line["stderr"] + 0.05 * line["predicted"] and line["stderr"] < 0.1 * line["predicted"]
    train = finished.measures["train"]
    assert train["J_A"] > train["J_A_before"] and train["J_B"] < train["J_B_before"]  # J flows to the cold one
    assert finished.epochs == 42 and {"J", "C"} <= finished.measures["test"].keys()
    records = [line for line in regression.records.metrics.read() if line["split"] == "train"]
    assert [line["epoch"] for line in records] == list(range(1, 43))
    assert all(line["J"] == pytest.approx(line["J_A"] + line["J_B"]) for line in records)


def test_a_signal_stops_it(regression: Experiment) -> None:
    asked = iter(range(10_000))
    with pytest.raises(Interrupted):
        ZerothLaw(**KEYS).run(replace(regression, stop=lambda: 15 if next(asked) > 40 else None), None)
    assert len(regression.records.metrics.read()) == 0


TOY = ("dataset=therml_toy", "architecture=therml_toy", "weights=point", "objective=therml", "procedure=zeroth_law")


@pytest.mark.parametrize("overrides, told", family([
    ((*TOY, "sigma=0"), "sigma=0: Langevin dynamics needs a temperature above 0"),
    ((*TOY, "sigma=0.1", "procedure.other_temperature=0"), "procedure.other_temperature=0: must be greater than 0"),
    ((*TOY, "sigma=0.1", "procedure.other_temperature=-1"), "procedure.other_temperature=-1: must be greater than 0"),
    ((*TOY, "sigma=0.1", "epochs=15"), "procedure.burn_in=5: leaves none of the 5 epochs to average"),
    ((*TOY, "sigma=0.1", "procedure.chains=1"), "procedure.chains=1: must be greater than or equal to 2"),
    (("procedure=zeroth_law", "procedure.temperature=1", "batch_size=2000"), "procedure=zeroth_law needs a loss"),
], every=2), ids=["sigma", "zero", "negative", "burn-in", "one copy", "noise"])  # fmt: skip
def test_what_cannot_be_coupled_is_one_line(
    ib_train: Callable[..., Ended], tmp_path: Path, overrides: tuple[str, ...], told: str
) -> None:
    ended = ib_train(*overrides, "device=cpu")
    assert ended.code == 2 and told in ended.err and ended.err.count("\n") == 1, ended.err
    assert not (tmp_path / "outputs").exists()
