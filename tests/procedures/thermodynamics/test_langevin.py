"""Langevin dynamics of a model's parameters: the law that it samples, its temperature, its records."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.contracts.errors import RunFailedError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics.langevin import Langevin
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy
from ib_cli.sampling.annealed import log_mean
from ib_cli.sampling.averages import average
from ib_cli.system.signals import Interrupted
from tests.conftest import Ended
from tests.families import family

KEYS: dict[str, Any] = {
    "temperature": 0.5, "prior": 1.5, "chains": 32, "steps": 50, "burn_in": 3, "step_size": 0.1, "step_offset": 1.0,
    "step_decay": 0.0, "corrected": True, "adapt": True, "ladder": [], "anneal": 0,
}  # fmt: skip


def elliptical_slices(log_likelihood: Callable[[Tensor], Tensor], prior: float, M: int, d: int, steps: int) -> Tensor:
    """Log-likelihoods of M chains, (steps, M), by elliptical slice sampling (Murray, Adams and MacKay 2010, fig. 2)."""
    stream = Generator().manual_seed(7)
    options = {"generator": stream, "dtype": torch.float64}
    theta = prior * torch.randn(M, d, **options)
    value, seen = log_likelihood(theta), []
    for _ in range(steps):
        ellipse = prior * torch.randn(M, d, **options)
        height = value + torch.rand(M, **options).log()
        angle = 2 * math.pi * torch.rand(M, **options)
        low, high = angle - 2 * math.pi, angle.clone()
        waits = torch.ones(M, dtype=torch.bool)
        moved = theta
        while waits.any():
            tried = theta * angle.cos().unsqueeze(1) + ellipse * angle.sin().unsqueeze(1)
            found = log_likelihood(tried)
            taken = waits & (found > height)
            moved = torch.where(taken.unsqueeze(1), tried, moved)
            value = torch.where(taken, found, value)
            waits = waits & ~taken
            low, high = torch.where(waits & (angle < 0), angle, low), torch.where(waits & (angle >= 0), angle, high)
            angle = torch.where(waits, low + (high - low) * torch.rand(M, **options), angle)
        theta = moved
        seen.append(value)
    return torch.stack(seen)


@pytest.mark.slow
def test_averages_are_those_of_another_sampler(small: Callable[..., Experiment]) -> None:
    made = small("epochs=15")
    finished = Langevin(**KEYS).run(made, None)
    energy, beta = WeightEnergy(made, exact=True), 40 / 0.5
    values = elliptical_slices(lambda theta: -beta * energy(theta).energy, 1.5, 32, energy.size, 100)
    other, train = average(-values[20:] / beta), finished.measures["train"]
    assert energy.size == 12
    assert abs(train["J"] - other.mean) < 3 * math.hypot(train["J_stderr"], other.stderr) < 0.02
    assert train["J"] == pytest.approx(train["C"], rel=1e-6)
    assert 0.5 < train["acceptance"] < 0.65 and train["spread"] < 1.2
    lines = made.records.metrics.read()
    assert [line["split"] for line in lines] == ["train", "test"] * 15
    kept = [line["J"] for line in lines if line["split"] == "test"][3:]
    assert finished.measures["test"]["J"] == pytest.approx(sum(kept) / 12)


@pytest.mark.slow
def test_replicas_have_the_temperatures_that_they_were_given(small: Callable[..., Experiment]) -> None:
    """A linear regression, all of whose 4 parameters are determined by the data, so that the virial is sharp."""
    made = small("epochs=15", "architecture.widths=[]", "dataset.path=line.npz", "classifier=gaussian")
    finished = Langevin(**KEYS | {"temperature": 0.02, "ladder": [0.05, 0.15], "burn_in": 9, "prior": 0.7}).run(
        made, None
    )
    table = [json.loads(line) for line in (made.records.folder / "thermodynamics.jsonl").read_text().splitlines()]
    assert [line["predicted"] for line in table] == [0.02, 0.05, 0.15]
    for line in table:
        assert abs(line["measured"] - line["predicted"]) < 3 * line["stderr"] < 0.1 * line["predicted"]
    train = finished.measures["train"]
    assert (train["sigma"], train["sigma_measured"]) == (0.02, table[0]["measured"])
    assert 0.1 < train["swap_rate"] < 0.95


def test_the_free_energy_is_that_of_plain_sampling(small: Callable[..., Experiment]) -> None:
    """At a high temperature the prior's own draws tell Z."""
    made = small("epochs=5")
    found = Langevin(**KEYS | {"temperature": 10.0, "anneal": 60}).run(made, None).measures["train"]
    energy = WeightEnergy(made, exact=True)
    theta = 1.5 * torch.randn(5000, energy.size, generator=Generator().manual_seed(0), dtype=torch.float64)
    plain = log_mean(-40 / 10 * energy(theta).energy)
    F, stderr = -10 / 40 * plain.value, 10 / 40 * plain.stderr
    assert abs(found["F"] - F) < 3 * math.hypot(found["F_stderr"], stderr) < 0.1
    assert found["S"] == pytest.approx(40 / 10 * (found["F"] - found["J"])) and found["S"] > 3 * found["S_stderr"]
    assert found["S/N"] == pytest.approx(found["S"] / 40) and found["S/N_stderr"] == pytest.approx(
        found["S_stderr"] / 40
    )


@pytest.mark.slow
def test_small_steps_need_no_correction_and_no_whole_split(small: Callable[..., Experiment]) -> None:
    """Stochastic gradients of 20 samples, decreasing steps, against corrected chains."""
    linear = ("epochs=12", "architecture.widths=[]")
    keys = KEYS | {"temperature": 1.0, "prior": 2.0}
    exact = Langevin(**keys).run(small(*linear), None).measures["train"]
    own = {"corrected": False, "step_size": 0.3, "step_offset": 10.0, "step_decay": 0.5}
    rough = Langevin(**keys | own).run(small(*linear, "batch_size=20", folder="rough"), None).measures["train"]
    assert abs(rough["J"] - exact["J"]) < 3 * math.hypot(rough["J_stderr"], exact["J_stderr"]) + 0.02 * exact["J"]
    assert "acceptance" not in rough


@pytest.mark.parametrize("overrides, keys", [
    ((), {"ladder": [2.0], "anneal": 5}),
    (("objective=vib", "architecture.dropout=0.2", "batch_size=15"), {"corrected": False, "step_size": 1e-3}),
], ids=["corrected", "stochastic"])  # fmt: skip
def test_an_interrupted_run_goes_on_bit_for_bit(
    small: Callable[..., Experiment], overrides: tuple[str, ...], keys: dict[str, Any]
) -> None:
    keys = KEYS | {"steps": 6, "burn_in": 1, "chains": 3} | keys
    whole = small("epochs=3", "bottleneck.size=2", *overrides, folder="whole")
    expected = Langevin(**keys).run(whole, None)
    cut = small("epochs=3", "bottleneck.size=2", *overrides, folder="cut")
    asked = iter(range(10_000))
    with pytest.raises(Interrupted):
        Langevin(**keys).run(replace(cut, stop=lambda: signal.SIGTERM if next(asked) > 9 else None), None)
    checkpoint = cut.records.load_checkpoint(cut.device)
    assert (checkpoint["epoch"], checkpoint["step_in_epoch"]) == (1, 3)
    finished = Langevin(**keys).run(cut, checkpoint)
    files = [made.records.metrics.file.read_text() for made in (whole, cut)]
    assert files[0] == files[1] and str(finished.measures) == str(expected.measures)
    assert all(torch.equal(value, finished.params[name]) for name, value in expected.params.items())


def test_chains_that_run_away_are_told(small: Callable[..., Experiment]) -> None:
    with pytest.raises(RunFailedError, match=r"epoch 1: try less than procedure\.step_size=1e\+20"):
        Langevin(**KEYS | {"corrected": False, "step_size": 1e20, "burn_in": 1}).run(small("epochs=4"), None)


TOY = ("dataset=therml_toy", "architecture=therml_toy", "weights=point", "objective=therml", "procedure=langevin")


@pytest.mark.parametrize("overrides, told", family([
    ((*TOY, "sigma=0"), "sigma=0: Langevin dynamics needs a temperature above 0"),
    ((*TOY, "sigma=0.1", "procedure.temperature=0.1"), "procedure.temperature=0.1: the objective has one already"),
    (("procedure=langevin",), "procedure.temperature: this objective has no S/N"),
    ((*TOY, "sigma=0.1", "weights=lognormal"), "weights: procedure=langevin draws the weights by itself"),
    ((*TOY, "sigma=0.1", "epochs=10"), "procedure.burn_in=10: leaves none of epochs=10 to average"),
    ((*TOY, "sigma=0.1", "batch_size=59", "procedure.anneal=9"), "procedure.anneal=9 needs the whole train split"),
    (("procedure=langevin", "procedure.temperature=1", "batch_size=2000", "procedure.corrected=true"),
     "procedure.corrected=true needs a loss without noise"),
    (("procedure=langevin", "procedure.temperature=1", "architecture.batch_norm=true"), "batch normalisation"),
    (("procedure=langevin", "procedure.temperature=1", "objective=surrogate_logvar"), "batch_size=100: log_Var[Z]"),
], every=2), ids=["sigma", "twice", "none", "weights", "burn-in", "batch", "noise", "norm", "whole"])  # fmt: skip
def test_what_cannot_be_sampled_is_one_line(
    ib_train: Callable[..., Ended], overrides: tuple[str, ...], told: str
) -> None:
    ended = ib_train(*overrides, "device=cpu")
    assert ended.code == 2 and told in ended.err and ended.err.count("\n") == 1


def test_the_temperature_is_the_weight_of_the_entropy(ib_train: Callable[..., Ended], tmp_path: Path) -> None:
    ended = ib_train(*TOY, "sigma=0.7", "epochs=2", "procedure.burn_in=1", "procedure.steps=3", "procedure.chains=2",
                     "figures=false", "device=cpu")  # fmt: skip
    assert ended.code == 0
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    train = json.loads(file.read_text())["train"]
    assert train["sigma"] == 0.7
    assert train["J"] == pytest.approx(0.9 * train["R"] + train["D"] + train["C"], rel=1e-5)
