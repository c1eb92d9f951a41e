"""Tables, points and frontiers of studies in closed form."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.report.panels.contents import contents
from ib_cli.report.quantities.estimated import estimated
from ib_cli.report.quantities.information_plane import InformationPlane, information_plane
from ib_cli.report.read.runs import Reader, read_run
from ib_cli.report.read.tables import converted, trajectory
from ib_cli.report.write import write_tables
from tests.report.reporting import contents_of
from tests.report.synthetic import H, optimum, write_run, write_study


def test_a_row_per_run_with_what_differs(study: Path) -> None:
    table = contents_of(study).results
    assert len(table) == 15
    assert table["gamma"].nunique() == 5
    assert sorted(table["seed"].unique()) == [0, 1, 2]
    assert "bottleneck.size" not in table  # the same for all
    row = table[table["gamma"] == 0.1].iloc[0]
    assert row["test/R"] == pytest.approx(optimum("vib", 0.1)["R"])


def test_a_row_per_run_epoch_and_split(study: Path) -> None:
    table = trajectory(Reader().read([study]))
    assert len(table) == 15 * 5 * 2
    assert set(table.columns) >= {"run", "id", "study", "split", "epoch", "step", "J", "R", "C"}
    assert not table.duplicated(["run", "epoch", "split"]).any()


def test_bits_convert_what_has_units_and_say_so(study: Path, tmp_path: Path) -> None:
    nats = contents_of(study).results
    bits = converted(nats, "bits")
    assert np.allclose(bits["test/R (bits)"] * math.log(2), nats["test/R"])
    assert bits["test/accuracy"].equals(nats["test/accuracy"])
    assert "test/R" not in bits
    write_tables(contents_of(study, units="bits"), tmp_path)
    for name in ("results.parquet", "trajectory.parquet"):
        assert pyarrow.parquet.read_schema(tmp_path / name).metadata[b"units"] == b"bits"
    assert "distance (bits)" in pd.read_csv(tmp_path / "frontier.csv")


def test_files_read_back(study: Path, tmp_path: Path) -> None:
    report = contents_of(study)
    write_tables(report, tmp_path)
    read = pd.read_csv(tmp_path / "results.csv", float_precision="round_trip")  # the default of pandas 2 rounds
    assert np.array_equal(read["test/C"], report.results["test/C"])
    assert len(pd.read_parquet(tmp_path / "results.parquet")) == 15
    assert len(pd.read_parquet(tmp_path / "trajectory.parquet")) == 150


def test_medians_and_quartiles_over_seeds(tmp_path: Path) -> None:
    report = contents_of(write_study(tmp_path / "study", seeds=5, noise=0.1))
    assert report.points.table["runs"].tolist() == [5, 5, 5]
    runs = report.results[report.results["gamma"] == 1e-2]["test/R"]
    point = report.points.table[report.points.table["gamma"] == 1e-2].iloc[0]
    assert [point["R"], point["R_q1"], point["R_q3"]] == pytest.approx(np.quantile(runs, [0.5, 0.25, 0.75]).tolist())


@pytest.mark.parametrize(("objective", "name"), [("vib", "R-C"), ("beta_vae", "R-D")])
def test_an_exact_frontier_is_its_hull_and_keeps_the_first_law(tmp_path: Path, objective: str, name: str) -> None:
    gammas = np.geomspace(1e-3, 0.5, 25)
    report = contents_of(write_study(tmp_path / "study", objective, multipliers=gammas.tolist(), seeds=1))
    table = report.frontiers
    assert set(table["frontier"]) == {name}
    assert table["pareto"].all()
    assert table["hull"].all()
    assert table["distance"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert table["excess"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert (table["first_law"] == 1).all()
    assert table["slope"].iloc[1:-1].to_numpy() == pytest.approx(gammas[1:-1], rel=0.01)
    assert table["slope_predicted"].to_numpy() == pytest.approx(gammas)


def test_curves_of_two_studies_with_different_objectives(tmp_path: Path) -> None:
    write_study(tmp_path / "a")
    write_study(tmp_path / "b", "beta_vae")
    report = contents_of(tmp_path)
    assert report.points.curves == ["VIB", "β-VAE"]
    assert set(report.frontiers["frontier"]) == {"R-C", "R-D"}
    assert report.points.swept == {"VIB": "gamma", "β-VAE": "beta"}
    rows = report.frontiers[report.frontiers["frontier"] == "R-D"]
    assert report.points.table.loc[rows.index, "beta"].tolist() == rows["beta"].tolist()


def test_group_by_joins_what_it_does_not_name(tmp_path: Path) -> None:
    for size in (8, 16):
        write_study(tmp_path / f"size{size}", more={"bottleneck": {"size": size}, "name": "study"})
    assert contents_of(tmp_path).points.curves == ["K = 16", "K = 8"]
    joined = contents_of(tmp_path, group_by=["objective.name"])
    assert joined.points.table["runs"].tolist() == [6, 6, 6]
    with pytest.raises(ConfigError, match="--group-by nonsense"):
        contents_of(tmp_path, group_by=["nonsense"])


def test_the_same_run_of_two_studies_counts_once(tmp_path: Path) -> None:
    write_study(tmp_path / "a")
    write_study(tmp_path / "b")  # another name, which does not change a run
    report = contents_of(tmp_path)
    assert len(report.results) == 18
    assert report.points.table["runs"].tolist() == [3, 3, 3]


def test_runs_that_are_not_done_are_in_the_table_and_in_no_point(tmp_path: Path) -> None:
    write_study(tmp_path / "study")
    write_run(tmp_path / "study" / "x", multiplier=1e-2, seed=7, status="failed")
    write_run(tmp_path / "study" / "y", multiplier=1e-2, seed=8, status="unfinished")
    report = contents_of(tmp_path)
    assert report.results["status"].value_counts().to_dict() == {"done": 9, "failed": 1, "unfinished": 1}
    assert report.points.table["runs"].sum() == 9
    assert np.isfinite(report.results["test/R"]).all()  # of the last epoch that was seen


def test_the_plane_shows_bounds_and_prefers_estimates(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", epochs=3)
    bounds = _plane(folder)
    best = optimum("vib", 1e-2)
    far = 1 + math.exp(-5)
    assert bounds.estimator is None
    assert bounds.label_entropy == H
    assert bounds.paths[0][-1].tolist() == pytest.approx([3, best["R"] * far, H - best["C"] * far])
    lines = [
        f'{{"epoch": {e}, "split": "test", "quantity": "{q}", "estimator": "mixture", "value": {v}}}'
        for e in (1, 3)
        for q, v in (("I[X;Z]", 2.0 + e), ("I[Y;Z]", 1.0))
    ]
    (folder / "estimates.jsonl").write_text("\n".join(lines) + "\n")
    of_estimates = _plane(folder)
    assert of_estimates.estimator == "mixture"
    assert of_estimates.paths[0].tolist() == [[1, 3, 1], [3, 5, 1]]
    assert "test/I[X;Z] (mixture)" in contents([read_run(folder)]).results


def _plane(folder: Path) -> InformationPlane:
    runs = [read_run(folder)]
    return information_plane(runs, "test", estimated(runs, "test"))
