"""The exact optimum as a run: its table, its numbers, what it leaves behind and what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.gaussian_ib import GaussianIB
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve
from ib_cli.exact.transition import transition
from ib_cli.procedures.exact_frontier import joint_tables, weights
from tests.families import family

TOY = ("procedure=exact_frontier", "dataset=therml_toy", "objective=therml", "device=cpu", "figures=false")


def result(folder: Path) -> dict:
    (file,) = folder.glob("outputs/runs/*/result.json")
    return json.loads(file.read_text())


def test_the_toy_is_solved_as_a_run(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train(*TOY, "rho=0.5", "delta=0", "gamma=1")
    assert ended.code == 0, ended.err
    done, best = result(tmp_path), solve(Table(toy_table()), 0.5, 0, 1)
    assert done["status"] == "done"
    for split in ("train", "test"):
        for name in ("R", "C", "D", "J"):
            assert done[split][name] == pytest.approx(getattr(best, name), abs=1e-6)  # the data hold float32
        assert done[split]["I[X;Z]"] == pytest.approx(best.R, abs=1e-6)
        assert done[split]["H[Y]"] - done[split]["I[Y;Z]"] == pytest.approx(best.C, abs=1e-6)
    assert done["train"]["gap"] <= 1e-9
    found = transition(Table(toy_table()))
    assert done["train"]["transition"] == pytest.approx(found.threshold, rel=1e-4)
    assert done["train"]["transition_local"] == pytest.approx(found.local, rel=1e-4)
    assert done["train"]["error_drawn"] <= done["train"]["error_bound"] == pytest.approx(-math.expm1(-best.C), abs=1e-6)
    (file,) = tmp_path.glob("outputs/runs/*/tables.npz")
    with np.load(file) as tables:
        assert tables["encoder"].shape == (30, 30) and tables["x"].shape == (30, 30)
        np.testing.assert_allclose(tables["p"], toy_table(), atol=1e-7)
        np.testing.assert_allclose(tables["p"].sum(1) @ tables["encoder"], tables["marginal"], atol=1e-12)
        used = tables["marginal"] > 0
        error = tables["marginal"][used] @ -(tables["classifier"][used] * np.log(tables["classifier"][used])).sum(1)
        assert error == pytest.approx(done["train"]["C"], abs=1e-12)
    lines = [json.loads(line) for line in next(tmp_path.glob("outputs/runs/*/metrics.jsonl")).read_text().splitlines()]
    assert [line["split"] for line in lines] == ["train", "test"] and lines[0]["R"] == done["train"]["R"]


def test_few_draws_are_overfitted(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train(*TOY, "rho=0.2", "delta=0", "gamma=1", "dataset.infinite=false")
    assert ended.code == 0, ended.err
    done = result(tmp_path)
    assert done["train"]["J"] < solve(Table(toy_table()), 0.2, 0, 1).J
    assert done["test"]["D"] is None  # infinite: some x was never drawn
    assert done["test"]["accuracy"] < done["train"]["accuracy"]


def test_gaussian_data_have_the_closed_form(ib_train: Callable, tmp_path: Path) -> None:
    options = ("dataset=gaussian", "dataset.x_dimensions=1", "dataset.y_dimensions=1", "dataset.correlations=[0.8]")
    ended = ib_train(
        *("procedure=exact_frontier", *options, "objective=therml", "rho=0.2", "delta=0", "gamma=1"),
        *("figures=false", "device=cpu"),
    )
    assert ended.code == 0, ended.err
    done, point = result(tmp_path)["test"], GaussianIB([[1, 0.8], [0.8, 1]], 1)(5)
    assert pytest.approx(float(point.R)) == done["R"] and pytest.approx(float(point.C)) == done["C"]
    assert pytest.approx(0.2 * done["R"] + done["C"]) == done["J"]
    assert done["transition"] == done["transition_local"] == pytest.approx(1 / 0.64)
    kept = 0.8 * -math.expm1(-2 * done["R"])  # of x, in the mean prediction of y
    assert done["mse"] == pytest.approx(1 - 2 * 0.8 * kept + kept**2)
    assert done["R"] + done["D"] == pytest.approx(0.5 * math.log(2 * math.pi * math.e))
    with np.load(next(tmp_path.glob("outputs/runs/*/tables.npz"))) as tables:
        assert 0.5 * math.log(1 + tables["projection"][0, 0] ** 2) == pytest.approx(done["R"])


@pytest.mark.parametrize("states, certified", [("null", 1), ("1", 0)])
def test_a_run_says_whether_its_optimum_is_certified(
    ib_train: Callable, tmp_path: Path, states: str, certified: int
) -> None:
    """The table on which version 0.1 ended at 2.52590 with a gap of 0; with one value of z J is 3 H(Y)."""
    np.savez(tmp_path / "thirds.npz", p=np.array([[3, 4, 0], [0, 3, 1], [3, 3, 0]]) / 17)
    ended = ib_train(
        *("procedure=exact_frontier", "dataset=table", "dataset.path=thirds.npz", "objective=ib_lagrangian"),
        *("gamma=3", f"procedure.states={states}", "figures=false", "device=cpu"),
    )
    assert ended.code == 0, ended.err
    train = result(tmp_path)["train"]
    assert train["J"] - train["gap"] <= 2.5148103 and train["certified"] == certified
    assert (train["J"] <= 2.5148103) == (certified == 1)
    assert ("not certified" in ended.err) == (certified == 0)


def test_equal_rows_share_a_cell(experiment: Callable) -> None:
    data = experiment("dataset.train_size=null", "dataset.test_size=null").data
    split = data.splits["train"]
    doubled = type(split)(torch.cat([split.x, split.x[:5]]), torch.cat([split.y, (split.y[:5] + 1) % 10]))
    data.splits["train"] = doubled
    x, tables = joint_tables(data)
    assert len(x) == len(split) + len(data.splits["test"]) and torch.equal(x[: len(split)], split.x)
    assert torch.equal(tables["train"][0] > 0, torch.isin(torch.arange(10), doubled.y[[0, len(split)]]))
    assert float(tables["train"].sum()) == pytest.approx(1) and float(tables["test"].sum()) == pytest.approx(1)
    assert not tables["test"][: len(split)].any()


def test_the_weights_are_the_objectives(experiment: Callable) -> None:
    assert weights(experiment("objective=therml", "rho=0.3", "delta=0.2", "gamma=7")) == (0.3, 0.2, 7)
    assert weights(experiment("objective=vib", "gamma=0.25", folder="other")) == (0.25, 0, 1)
    with pytest.raises(ConfigError, match="R, D and C"):
        weights(experiment("objective=ceb", folder="third"))


def test_a_run_says_and_draws_no_model(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train(*TOY[:-1], "rho=0.5", "delta=0")
    assert ended.code == 0, ended.err
    assert "none: all tables" in ended.out and "batches of" not in ended.out and "parameters" not in ended.out
    (folder,) = tmp_path.glob("outputs/runs/*/figures")
    assert [file.name for file in folder.iterdir()] == ["distributions.png"]


@pytest.mark.parametrize(
    "overrides, wrong",
    family(
        [
            (("objective=nonlinear_ib",), "sums of R, D and C"),
            (("objective=therml", "sigma=0.1"), "not 0.1 S/N"),
            (("dataset=digits",), "all 1,797 x are different"),
            (("dataset.crop=2",), "dataset.crop=0"),
            (("dataset=gaussian", "objective=therml", "rho=1", "delta=1"), "larger weight"),
            (("dataset=npz", "dataset.path=many.npz"), "2,001 different x"),
        ],
        every=2,
    ),
)
def test_what_has_no_exact_optimum_is_refused(
    ib_train: Callable, tmp_path: Path, overrides: tuple[str, ...], wrong: str
) -> None:
    np.savez(tmp_path / "many.npz", x=np.arange(2001, dtype=np.float32)[:, None], y=np.arange(2001) % 2)
    ended = ib_train("procedure=exact_frontier", "device=cpu", *overrides)
    assert ended.code and wrong in ended.err
    assert not list(tmp_path.glob("outputs/runs/*/result.json"))
