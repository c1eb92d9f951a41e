"""Reverse water-filling of data as they are, as a run of procedure=exact_frontier."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.exact.water_filling import WaterFilling
from ib_cli.report.read.runs import read_run
from tests.families import family

WATER = ("procedure=exact_frontier", "objective=free_energy", "decoder.likelihood=gaussian", "device=cpu")
SCALE = f"decoder.scale={math.sqrt(0.5)}"  # variance ½: λ multiplies the squared error


def folder_of(folder: Path) -> Path:
    (file,) = folder.glob("outputs/*/*/result.json")
    return file.parent


def test_digits_have_their_covariances_curve(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train(*WATER, SCALE, "lambda=10", "gamma=0", "dataset=digits", "figures=false")
    assert ended.code == 0, ended.err
    assert "linear Gaussian" in ended.out
    done = json.loads((folder_of(tmp_path) / "result.json").read_text())
    with np.load(folder_of(tmp_path) / "tables.npz") as arrays:
        point = WaterFilling(torch.from_numpy(np.diag(arrays["eigenvalues"])))(10)
        assert arrays["components"].shape == (done["train"]["components"], 64)
        assert arrays["mean"].shape == (64,) and float(arrays["level"]) == pytest.approx(0.05)
        assert arrays["eigenvalues"].sum() > 3  # of 64 pixels in [0, 1]
    train, test = done["train"], done["test"]
    assert train["R"] == pytest.approx(point.R) and train["D_error"] == pytest.approx(point.D)
    assert train["D"] == pytest.approx(point.D + 32 * math.log(math.pi))
    assert train["F"] == pytest.approx(point.R + 10 * point.D)
    assert train["J"] == pytest.approx(train["R"] + 10 * train["D"])
    assert train["baseline"] == 1 and test["R"] == pytest.approx(train["R"], rel=0.2) and test["R"] != train["R"]
    run = read_run(folder_of(tmp_path))
    assert run is not None and run.baseline and not run.exact  # no bound


def test_the_scale_of_the_likelihood_is_the_unit_of_d(experiment: Callable) -> None:
    """scale 1 halves D_error, so that twice its weight gives the same code."""
    options = ("dataset=digits", "dataset.train_size=null", "gamma=0")
    found = {}
    for scale, weight in ((math.sqrt(0.5), 10.0), (1.0, 20.0)):
        made = experiment(*WATER, *options, f"decoder.scale={scale}", f"lambda={weight}", folder=str(scale))
        found[scale] = made.procedure.run(made, None).measures["train"]
    first, second = found.values()
    assert first["R"] == pytest.approx(second["R"]) and first["D_error"] == pytest.approx(2 * second["D_error"])
    assert first["F"] == pytest.approx(second["F"])


@pytest.mark.parametrize(
    "overrides, wrong",
    family(
        [
            (("gamma=8",), "minimise R and D alone"),
            (("procedure.kind=linear_gaussian", "gamma=8"), "gamma=0"),
            (
                ("procedure.kind=linear_gaussian", "gamma=0", "decoder.likelihood=bernoulli"),
                "decoder.likelihood=gaussian",
            ),
            (("procedure.kind=linear_gaussian", "gamma=0", "lambda=0"), "D and C have weight 0"),
            (("procedure.kind=linear_gaussian", "gamma=0", "dataset.crop=1"), "dataset.crop=0"),
            (("procedure.kind=tables", "gamma=0"), "are different"),
        ],
        every=2,
    ),
)
def test_what_cannot_be_filled_is_told(experiment: Callable, overrides: tuple[str, ...], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        experiment(*WATER, "dataset=digits", *overrides)


def test_tables_come_first_where_there_are_any(experiment: Callable) -> None:
    made = experiment(
        *("procedure=exact_frontier", "objective=free_energy", "decoder.likelihood=gaussian", "gamma=0"),
        *("dataset=therml_toy", "architecture=therml_toy", "decoder=mlp", "classifier=linear", "marginal=categorical"),
    )
    assert "all tables" in made.procedure.facts(made)["model"]


@pytest.mark.slow
@pytest.mark.skipif("IB_DATA" not in os.environ, reason="IB_DATA names no folder with CIFAR-10")
def test_cifar_has_the_papers_rate_and_distortion(experiment: Callable) -> None:
    """λ = ½, pixels in [0, 1], mean-centred: R ≈ 13, D ≈ 68.5 and F ≈ 47.2, near the start of Figures 3a and 4a."""
    made = experiment(
        *(*WATER, SCALE, "lambda=0.5", "gamma=0", "dataset=cifar10", f"dataset.root={os.environ['IB_DATA']}"),
        *("dataset.train_size=null", "dataset.test_size=null", "dataset.crop=0", "dataset.flip=false"),
        "dataset.normalise=unit",
    )
    train = made.procedure.run(made, None).measures["train"]
    assert train["R"] == pytest.approx(13, abs=0.5)
    assert train["D_error"] == pytest.approx(68.5, abs=0.5)
    assert train["F"] == pytest.approx(47.2, abs=0.5)
