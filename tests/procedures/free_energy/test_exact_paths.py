"""Iso-classification on tables and by the dynamics of θ, as runs: records, interruptions, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.experiment.experiment import Experiment
from ib_cli.system.signals import Interrupted
from tests.families import family

OPTIONS = (
    "objective=free_energy", "dataset=npz", "dataset.path=clouds.npz", "dataset.train_size=null",
    "dataset.test_size=null", "dataset.normalise=none", "architecture=tables", "bottleneck.size=2",
    "decoder.likelihood=gaussian", f"decoder.scale={0.5 ** 0.5}", "lambda=0.15", "gamma=0.7",
)  # fmt: skip
EXACT = (*OPTIONS, "procedure=iso_classification", "procedure.surface=exact", "procedure.difference=0.001",
         "procedure.steps=4", "procedure.length=0.01")  # fmt: skip
TRANSFER = (
    "objective=free_energy", "dataset=transfer", "dataset.of=digits", "dataset.train_size=80", "dataset.test_size=40",
    "dataset.source=[0,1]", "dataset.target=[6,7]", "dataset.labels=mapped", "architecture=tables", "bottleneck.size=2",
    "decoder.likelihood=gaussian", f"decoder.scale={0.5 ** 0.5}", "lambda=0.6", "gamma=0.5", "procedure.surface=exact",
    "procedure.difference=0.01", "procedure.steps=4", "procedure.tolerance=5",
)  # fmt: skip
DYNAMICS = (*OPTIONS, "procedure=equilibrium_dynamics", "procedure.steps=4", "procedure.length=0.01",
            "procedure.corrections=2")  # fmt: skip


@pytest.fixture(autouse=True)
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = (1.5 * rng.normal(size=(3, 2)))[y] + rng.normal(size=(60, 2))
    noisy = np.where(rng.random(60) < 0.2, (y + 1) % 3, y)
    np.savez("clouds.npz", x=x.astype("float32"), y=noisy)
    np.savez("many.npz", x=np.arange(2600, dtype="float32")[:, None], y=np.arange(2600) % 2)
    np.savez("images.npz", x=rng.integers(0, 256, (30, 1, 4, 4), dtype="uint8"), y=np.arange(30) % 3)


def lines(made: Experiment, split: str = "train") -> list[dict]:
    file = made.records.folder / "metrics.jsonl"
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [line for line in found if line["split"] == split]


@pytest.mark.parametrize("words", [EXACT, DYNAMICS], ids=["exact", "dynamics"])
def test_a_path_keeps_c_and_records_the_laws(experiment: Callable[..., Experiment], words: tuple[str, ...]) -> None:
    made = experiment(*words)
    finished = made.procedure.run(made, None)
    steps = lines(made)
    assert [line["path_step"] for line in steps] == list(range(5)) and len(lines(made, "test")) == 5
    assert finished.measures["train"]["path_steps"] == 4 and finished.measures["train"]["C_drift"] < 1e-3
    for line in steps:
        assert abs(line["maxwell"]) < 1e-3 * abs(line["dC/dlambda"]) and line["hessian_largest"] < 0
        assert line["F"] == pytest.approx(line["R"] + line["lambda"] * line["D_error"] + line["gamma"] * line["C"])
        assert line["gradient_norm"] < 1e-6
    assert all(abs(line["rate_balance"]) < 0.02 for line in steps[1:])
    assert steps[-1]["R"] > steps[0]["R"] and steps[-1]["D_error"] < steps[0]["D_error"]


@pytest.mark.parametrize("words", family([EXACT, DYNAMICS], every=2, whole=True), ids=["exact", "dynamics"])
def test_an_interrupted_path_goes_on_to_the_same_numbers(
    experiment: Callable[..., Experiment], words: tuple[str, ...]
) -> None:
    whole = experiment(*words, folder="whole")
    expected = whole.procedure.run(whole, None)
    made = experiment(*words, folder="interrupted")
    with pytest.raises(Interrupted):
        made.procedure.run(replace(made, stop=lambda: 15 if len(lines(made)) == 2 else None), None)
    state = made.records.load_checkpoint(made.device)
    assert state is not None and state["path"]["steps"] == 2
    assert made.procedure.run(made, state).measures == expected.measures
    assert lines(made)[-1] == lines(whole)[-1]


def test_both_ways_agree_on_the_surface(experiment: Callable[..., Experiment]) -> None:
    """A linear decoder and classifier of a one-hot z are tables: after the same start both have the same minimum."""
    found = {}
    for name, words in (("exact", EXACT), ("dynamics", DYNAMICS)):
        made = experiment(*words, "procedure.steps=1", folder=name)
        made.procedure.run(made, None)
        found[name] = lines(made)[0]
    for measure in ("R", "D", "D_error", "C", "F", "J", "accuracy", "dC/dlambda", "dC/dgamma", "dD/dlambda"):
        assert found["dynamics"][measure] == pytest.approx(found["exact"][measure], rel=1e-4)


def test_a_transfer_on_tables_measures_both_tasks(experiment: Callable[..., Experiment]) -> None:
    """From digits 0 and 1 to 6 and 7 by (38); ∂R/∂t of the envelope is the difference of r + λd + γc of the two."""
    made = experiment("procedure=transfer", "procedure.lambda_rate=-0.05", *TRANSFER)
    made.procedure.run(made, None)
    steps = lines(made)
    assert [line["t"] for line in steps] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert steps[-1]["lambda"] == pytest.approx(0.55)
    for line in steps:
        t = line["t"]
        for name in ("R", "D_error", "C", "accuracy"):
            mixed = (1 - t) * line[f"{name}_source"] + t * line[f"{name}_target"]
            assert line[name] == pytest.approx(mixed, abs=1e-5)
        weights = {"R": 1, "D_error": line["lambda"], "C": line["gamma"]}
        across = sum(weight * (line[f"{name}_target"] - line[f"{name}_source"]) for name, weight in weights.items())
        assert line["dR/dt"] == pytest.approx(across, rel=1e-3)


def test_a_path_that_runs_into_an_edge_ends(experiment: Callable[..., Experiment]) -> None:
    """Half of what is left of γ, step after step, comes to no end: the path says so and stops."""
    made = experiment("procedure=geodesic_transfer", "procedure.slope=0.3", *TRANSFER, "dataset.source=[0,1,2]",
                      "dataset.target=[3,4,5]", "gamma=0.5")  # fmt: skip
    with pytest.raises(RunFailedError, match="in a row"):
        made.procedure.run(made, None)


@pytest.mark.parametrize(
    "words, wrong",
    family(
        [
            ((*EXACT, "bottleneck=gaussian", "marginal=standard_normal"), "architecture=tables"),
            ((*EXACT, "dataset.path=many.npz"), "more than 2,000 different x"),
            ((*EXACT, "dataset.path=images.npz", "dataset.crop=1"), "dataset.crop=0"),
            ((*EXACT, "gamma=0"), "above 0"),
            ((*DYNAMICS, "bottleneck=gaussian", "marginal=standard_normal"), "bottleneck=categorical"),
            ((*DYNAMICS, "procedure.alpha=0"), "procedure.alpha"),
            ((*DYNAMICS, "objective.minimise.R=2"), "objective=free_energy"),
            ((*DYNAMICS, "decoder.widths=[4]", "decoder.batch_norm=true"), "decoder.batch_norm=false"),
        ],
        every=2,
    ),
)
def test_what_has_no_exact_path_is_told(
    experiment: Callable[..., Experiment], words: tuple[str, ...], wrong: str
) -> None:
    with pytest.raises(ConfigError, match=wrong):
        experiment(*words)
