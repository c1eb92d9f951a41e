"""Samples of a person's own on a finished run: measures, z and estimates without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ib_cli
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.loaded_run import Run
from tests.conftest import SMALL
from tests.families import family


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Trains a small run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, "estimators=none", *words])))


def archive(words: tuple[str, ...] = (), **arrays: np.ndarray) -> list[str]:
    np.savez("own.npz", **arrays)
    return ["dataset=npz", "dataset.path=own.npz", "dataset.train_size=null", "dataset.test_size=null", *words]


def test_the_test_split_given_as_own_samples_has_its_measures(trained: Callable[..., Run]) -> None:
    run = trained("objective=ce", "bottleneck=deterministic")
    test = run.data.splits["test"]
    run.add_split("again", test.x.squeeze(1).numpy(), test.y.numpy())  # grey images without their channel
    assert run.evaluate("again") == pytest.approx(run.evaluate("test"), rel=1e-6)
    assert run.evaluate_samples("again")["C"].to_numpy() == pytest.approx(run.evaluate_samples("test")["C"].to_numpy())
    table = run.z_table("again")
    assert list(table.columns) == ["y", *(f"z_{k}" for k in range(4))]
    np.testing.assert_allclose(table.filter(like="z_"), run.represent(test.x)[0].detach().numpy(), rtol=1e-5)


def test_new_samples_are_scaled_as_the_training_samples_were(trained: Callable[..., Run]) -> None:
    """Not by their own mean and deviation, neither x nor a continuous y."""
    rng = np.random.default_rng(0)
    x = rng.normal(50, 9, (300, 3))
    run = trained(*archive(x=x, y=2000 + 7 * x[:, 0]), "classifier=gaussian", "objective=vib")
    train = run.data.splits["train"]
    run.add_split("one", np.array([[50.0, 50.0, 50.0]]), np.array([2350.0]))
    same = run.data.affine(run.data.splits["one"].x)
    mean, deviation = train.x.double().mean(0), train.x.double().std(0, correction=0)
    torch.testing.assert_close(same[0].double(), (50.0 - mean) / deviation, rtol=1e-4, atol=1e-5)
    assert abs(run.data.splits["one"].y.item()) < 0.2  # 2350 is near the mean of y
    as_given = (2000 + 7 * x[:, 0]).mean(), (2000 + 7 * x[:, 0]).std()
    assert run.data.splits["one"].y.item() == pytest.approx((2350 - as_given[0]) / as_given[1], abs=0.1)


def test_z_of_a_gaussian_a_discrete_and_an_own_split_without_y(trained: Callable[..., Run]) -> None:
    run = trained()
    x = run.data.splits["test"].x[:9]
    run.add_split("blind", x)
    found = run.represent_split("blind", samples=3)
    assert {name: of.shape for name, of in found.items()} == {"z": (3, 9, 4), "mean": (9, 4), "scale": (9, 4)}
    np.testing.assert_allclose(found["mean"], run.encode(x).mean.detach().numpy(), rtol=1e-5)
    assert "y" not in run.z_table("blind")
    with pytest.raises(ValueError, match="has no y"):
        run.evaluate("blind")
    discrete = trained("objective=dib", "bottleneck=categorical", "bottleneck.size=6")
    table = discrete.represent_split("test")
    assert table["probabilities"].sum(1) == pytest.approx(1) and "z" not in table


def test_draws_of_a_split_have_the_law_that_they_are_said_to_have(trained: Callable[..., Run]) -> None:
    found = trained().represent_split("test", samples=400)
    standard = (found["z"] - found["mean"]) / found["scale"]
    assert abs(standard.mean()) < 0.01 and abs(standard.std() - 1) < 0.01


def test_estimates_of_a_finished_run(trained: Callable[..., Run]) -> None:
    run = trained()
    for split in ("test", "train"):
        found = run.estimate(split, use=["gaussian"], samples=80)
        assert set(found["estimator"]) == {"gaussian"} and set(found["split"]) == {split} and (found["n"] == 80).any()
    with pytest.raises(ConfigError, match=r"estimators\.use: this run names no estimator"):
        run.estimate("test")
    with pytest.raises(ConfigError, match=r"estimators\.use"):
        run.estimate("test", use=["nearest"])


@pytest.mark.parametrize(
    ("x", "y", "told"),
    family(
        [
            (np.zeros((3, 9, 8)), None, r"x has shape \(3, 9, 8\)"),
            (np.zeros((0, 8, 8)), None, "no samples"),
            (np.full((2, 8, 8), 1e39), None, "fit float32"),
            (np.array([["a"]]), None, "x must hold numbers, not <U1"),
            (np.zeros((2, 8, 8)), np.array(["a", "b"]), "y must hold numbers, not <U1"),
            (np.zeros((2, 8, 8)), np.array([True, False]), "whole numbers"),
            (np.full((2, 8, 8), np.nan), None, "finite"),
            (np.zeros((2, 8, 8)), np.array([0, 10]), "labels 0 … 9"),
            (np.zeros((2, 8, 8)), np.array([0.0, 1.0]), "whole numbers"),
            (np.zeros((2, 8, 8)), np.array([0, 1, 2]), "2 whole numbers"),
        ],
        every=2,
    ),
)
def test_what_does_not_fit_is_told(trained: Callable[..., Run], x: np.ndarray, y: np.ndarray | None, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        trained().add_split("new", x, y)


def test_values_of_another_scale_are_told(trained: Callable[..., Run], caplog: pytest.LogCaptureFixture) -> None:
    run = trained()
    run.add_split("unit", np.random.default_rng(0).random((4, 8, 8)))
    run.add_split("bytes", np.full((4, 8, 8), 255, dtype=np.uint8))
    assert "within 0 and 1" in caplog.text and "from 255 to 255" in caplog.text
    with pytest.raises(ValueError, match="have this split already"):
        run.add_split("unit", np.zeros((1, 8, 8)))
