"""Every YAML composes, builds and takes a step."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ib_cli
from ib_cli.config.catalogue import choices, directory, groups
from ib_cli.experiment.experiment import Experiment
from ib_cli.run.describe import doubts
from tests.conftest import SMALL

IMAGES = {"all_cnn", "cnn", "resnet18"}
GROUPS = [group for group in groups() if group not in ("sweep", "dataset", "tracker", "procedure")]
OPTIONS = [(group, option) for group in GROUPS for option in choices(group)]
# What makes the part in question appear, and a network of any kind small.
CONTEXT = {
    "marginal": ["objective=vib"],
    "decoder": ["objective=vae"],
    "backward_encoder": ["objective=ceb"],
    "noise": ["objective=ce"],
    "input_noise": ["objective=aae"],
    "mmd": ["objective=info_vae"],
    "critic_z": ["objective=aae"],
    "critic_x": ["objective=gan"],
    "architecture": ["objective=vib"],
    "bottleneck": ["objective=ce"],
    "classifier": ["objective=vib"],
}
# Images on which every architecture and decoder fits.
OWN = ["dataset=npz", "dataset.path=images.npz", "dataset.train_size=null", "dataset.test_size=null"]
# The parts that a discrete z needs fit only each other.
DISCRETE = ["dataset=therml_toy", "architecture=therml_toy", "objective=therml"]
CLOUDS = ["dataset=npz", "dataset.path=clouds.npz", "dataset.train_size=null", "dataset.test_size=null"]
REGRESSION = ["dataset=npz", "dataset.path=numbers.npz", "dataset.train_size=null", "dataset.test_size=null"]


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("images.npz", x=rng.integers(0, 256, (30, 1, 16, 16), dtype=np.uint8), y=np.arange(30) % 3)
    np.savez("numbers.npz", x=rng.normal(size=(30, 4)), y=rng.normal(size=(30, 2)))
    y = np.arange(24) % 2
    np.savez("clouds.npz", x=2.0 * y[:, None] + rng.normal(size=(24, 2)), y=y)


# A transfer of one step whose slopes are hardly more than noise.
ON_THE_WAY = ["objective=free_energy", "dataset=transfer", "dataset.of=digits", "dataset.likelihood=gaussian",
              "epochs=5", "procedure.equilibration=1", "procedure.peak=1e-6"]  # fmt: skip
TOLERANT = ["procedure.steps=1", "procedure.copies=4", "procedure.tolerance=1e3"]
# Every procedure on data and a model that suit it, made short: how many epochs it ends with.
PROCEDURES = {
    "direct_transfer": (7, [*ON_THE_WAY, "procedure.steps=1"]),
    "equilibrate": (2, ["objective=free_energy", "procedure.equilibration=1", "procedure.peak=1e-6"]),
    "equilibrium_dynamics": (0, [*CLOUDS, "objective=free_energy", "architecture=tables", "bottleneck.size=2",
                                 "gamma=0.7", "decoder.likelihood=gaussian", "decoder.scale=0.70710678",
                                 "decoder.activation=tanh", "decoder.widths=[2]", "lambda=0.5", "procedure.steps=1",
                                 "procedure.length=0.01"]),  # in equilibrium after few evaluations
    "exact_frontier": (0, [*DISCRETE, "weights=point", "sigma=0", "procedure.restarts=1"]),
    "fit": (1, []),
    "geodesic_transfer": (7, [*ON_THE_WAY, *TOLERANT, "procedure.slope=-3", "procedure.held=1"]),
    "hand_crafted": (0, DISCRETE),
    "iso_classification": (3, ["objective=free_energy", "procedure.steps=1", "procedure.equilibration=1",
                               "procedure.peak=1e-6", "procedure.length=0.01"]),
    "langevin": (8, ["procedure.temperature=1", "procedure.burn_in=0", "procedure.steps=3", "epochs=8",
                     "procedure.prior=0.01"]),
    "noise_scaling": (1, ["objective=ce", "bottleneck=zero_entropy_noise"]),
    "novelty": (0, []),
    "nuisance_probe": (1, ["procedure.label=y"]),
    "sample_distance": (0, ["procedure.samples=20"]),
    "second_law": (1, [*DISCRETE, "weights=point", "sigma=1", "procedure.points=9", "procedure.prior=0.1",
                       "procedure.step_size=0.01", "procedure.chains=8", "procedure.anneal=2"]),
    "zeroth_law": (3, [*DISCRETE, "weights=point", "sigma=1", "epochs=3", "procedure.burn_in=0", "procedure.steps=2",
                       "procedure.chains=2"]),
    "transfer": (7, [*ON_THE_WAY, *TOLERANT, "procedure.held=1"]),
}  # fmt: skip


UNTOLD = re.compile("_stderr$|^spread")


def one_epoch(made: Experiment, epochs: int = 1) -> None:
    finished = made.procedure.run(made, None)
    assert finished.epochs == epochs
    for split in ("train", "test"):
        # so few chains and epochs tell no error and no convergence
        measures = {name: value for name, value in finished.measures[split].items() if not UNTOLD.search(name)}
        assert all(math.isfinite(value) for value in measures.values())


def suited(group: str, option: str) -> list[str]:
    """What to choose for an option to be in use, on data that suit it."""
    chosen = [word for word in CONTEXT.get(group, []) if not word.startswith(f"{group}=")]
    data = OWN if option in IMAGES or group == "decoder" else []
    if option in ("therml_toy", "categorical", "tables"):
        chosen, data = [word for word in DISCRETE if not word.startswith(f"{group}=")], []
    chosen = {
        "optimal": ["objective=decoder_uncertainty"],
        "prior": ["objective=gan"],  # a generator's
        "uniform": ["objective=aae"],  # of no finite rate
        "none": ["objective=ce"],
    }.get(option, chosen)
    data = REGRESSION if (group, option) == ("classifier", "gaussian") else data
    return [*chosen, f"{group}={option}", *data]


def a_finished_run(*words: str) -> Path:
    config = ib_cli.compose([*SMALL, "epochs=1", "dataset.classes=[0,1,2,3,4]", *words])
    return ib_cli.train(ib_cli.build(config)).folder


def suited_to(procedure: str) -> list[str]:
    """What to choose for a procedure to run, on data that suit it."""
    _, words = PROCEDURES[procedure]
    if "weights=point" in words or procedure == "hand_crafted":
        words = [*words, "batch_size=2000"]
    if procedure in ("novelty", "nuisance_probe"):
        words = [*words, f"procedure.run={a_finished_run()}"]
    if procedure == "sample_distance":
        words = [*words, f"procedure.run={a_finished_run('objective=vae')}", f"procedure.classifier={a_finished_run()}"]
    return ["batch_size=30", f"procedure={procedure}", "epochs=1", *words]


@pytest.mark.parametrize("group, option", OPTIONS, ids=lambda value: value)
def test_option_trains(experiment: Callable[..., Experiment], group: str, option: str) -> None:
    made = experiment(*suited(group, option), "epochs=1", "batch_size=70")
    if group == "objective" and option != "therml":  # whose parts are those of a table
        assert [doubt for doubt in doubts(made) if not doubt.startswith("bottleneck.size=4")] == []
    one_epoch(made)


@pytest.mark.parametrize("option", choices("procedure"))
def test_procedure_runs(experiment: Callable[..., Experiment], option: str) -> None:
    one_epoch(experiment(*suited_to(option)), PROCEDURES[option][0])


def test_every_key_of_every_option_has_a_comment() -> None:
    for file in directory("conf").rglob("*.yaml"):
        for line in file.read_text().splitlines():
            body = line.strip()
            if not body or body.startswith(("#", "-", "_", "defaults:")) or file.name == "config.yaml":
                continue
            if line.startswith(" ") or body in ("objective:", "bottleneck:", "architecture:", "decoder:", "optimizer:"):
                continue
            assert "#" in body, f"{file.name}: {body}"
