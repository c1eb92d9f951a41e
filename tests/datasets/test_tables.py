"""Data that are a known table p(x, y): the toy of TherML by sums, samples of a table, and what is no table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Data
from ib_cli.datasets.therml_toy import ThermlToy
from ib_cli.procedures.exact_frontier import joint_tables
from tests.families import family

JOINT: dict[str, Any] = {"infinite": True, "draws": 50, "passes": 1, "likelihood": "one_hot", "seed": 0}
TOY: dict[str, Any] = {"bins": 30, "means": [0.25, 0.75], "prior": 0.7, "information": 0.5}


def toy(**changed: Any) -> ThermlToy:
    return ThermlToy(**JOINT | TOY | changed)


def table(data: Data, split: str) -> np.ndarray:
    """p(x, y) of a split, (X, Y)."""
    return joint_tables(data)[1][split].numpy()


def entropy(p: np.ndarray) -> float:
    return -sum(each * np.log(each) for each in p.flatten() if each > 0)


def test_the_toy_has_the_information_of_the_paper() -> None:
    p = table(toy().load("cpu"), "train")
    assert p.shape == (30, 2) and p.sum() == pytest.approx(1, abs=1e-6)
    x, y = p.sum(1), p.sum(0)
    assert entropy(y) == pytest.approx(0.6109, abs=1e-4) and y[1] == pytest.approx(0.7, abs=1e-6)
    assert entropy(x) + entropy(y) - entropy(p) == pytest.approx(0.5, abs=1e-4)
    assert toy().load("cpu").label_noise("train") == pytest.approx(entropy(p) - entropy(x), abs=1e-6)


def test_the_finite_toy_is_fifty_draws_evaluated_exactly() -> None:
    exact, few, again, other = (
        toy(**changed).load("cpu")
        for changed in ({}, {"infinite": False}, {"infinite": False}, {"infinite": False, "seed": 1})
    )
    counts = table(few, "train") * 50
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    assert counts.sum() == pytest.approx(50) and few.spec.train_size == 50
    np.testing.assert_array_equal(table(few, "test"), table(exact, "test"))
    np.testing.assert_array_equal(table(exact, "test"), table(exact, "train"))
    np.testing.assert_array_equal(table(few, "train"), table(again, "train"))
    assert np.abs(table(few, "train") - table(other, "train")).max() >= 1 / 50


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"seed": 1}, "dataset.seed=1: nothing is drawn"),
        ({"information": 0.7}, "dataset.information: between"),
    ],
)
def test_what_the_toy_cannot_do_is_told(changed: dict[str, Any], right: str) -> None:
    with pytest.raises(ConfigError, match=right):
        toy(**changed).load("cpu")


def test_a_table_of_ones_own_trains(ib_train: Callable) -> None:
    p = np.array([[0.1, 0.2], [0.3, 0.1], [0.05, 0.25]])
    np.savez("own.npz", p=p)
    words = ("dataset=table", "dataset.path=own.npz", "architecture=therml_toy", "objective=therml")
    ended = ib_train(*words, "dataset.passes=2", "epochs=1", "eval_samples=1", "figures=false", "device=cpu")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("p", "right"),
    family(
        [
            ([[0.5, -0.1], [0.3, 0.3]], "none negative, but p has -0.1"),
            ([[0.5, np.nan], [0.3, 0.2]], "finite and none negative, but p has nan"),
            ([[0.5, 0.1], [0.3, 0.2]], "whose sum is one, not 1.1"),
            ([0.5, 0.5], "at least 2 × 2, not float64 (2,)"),
            ([["a", "b"], ["c", "d"]], "must hold real numbers"),
        ],
        every=2,
    ),
)
def test_what_is_no_table_is_one_clear_line(ib_train: Callable, p: list, right: str) -> None:
    np.savez("own.npz", p=np.array(p))
    ended = ib_train("dataset=table", "dataset.path=own.npz", "architecture=therml_toy", "objective=therml")
    lines = ended.err.strip().splitlines()
    assert ended.code == 2 and len(lines) == 1 and "dataset.path: own.npz" in lines[0] and right in lines[0], ended.err
    assert not Path("outputs").exists()


def test_a_file_without_a_table_is_one_clear_line(ib_train: Callable) -> None:
    np.savez("own.npz", q=np.eye(2) / 2)
    Path("text.npz").write_text("nothing")
    for name, right in (("own.npz", "an array p"), ("text.npz", "an array p"), ("none.npz", "is not a file")):
        words = (f"dataset.path={name}", "architecture=therml_toy", "objective=therml")
        ended = ib_train("dataset=table", *words)
        assert ended.code == 2 and right in ended.err and len(ended.err.strip().splitlines()) == 1, ended.err
