"""Paths on the equilibrium surface as records have them: their places, their summary, and what they stay out of."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ib_cli.contracts.labels import has_units
from ib_cli.report.read.paths import equilibrations, moved, path_of, summary
from ib_cli.report.read.runs import read_run
from ib_cli.report.read.tables import converted, results
from tests.report.path_records import (
    iso_classification,
    measures,
    write_equilibration,
    write_path,
    write_transfer,
)
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_run, write_study


def test_a_path_is_the_lines_with_a_step(tmp_path: Path) -> None:
    run = read_run(write_path(tmp_path / "run", steps=4, epochs=5))
    path = path_of(run, "train")
    assert path.steps.tolist() == [0, 1, 2, 3, 4] and path.epochs.tolist() == [5, 6, 7, 8, 9]
    expected = [measures(place)["D_error"] for place in iso_classification((0.25, 4.0), 4, 2.0)]
    assert path["D_error"] == pytest.approx(expected) and np.isnan(path["nothing"]).all()
    assert path_of(run, "validation") is None
    assert path_of(read_run(write_run(tmp_path / "other")), "train") is None


def test_a_path_under_way_tells_what_it_will_tell_at_its_end(tmp_path: Path) -> None:
    done = read_run(write_path(tmp_path / "done", alpha=6.0))
    under_way = read_run(write_path(tmp_path / "half", alpha=6.0, status="unfinished"))
    told = {name: done.result["train"][name] for name in ("path_steps", "C_0", "C_drift")}
    assert summary(under_way) == pytest.approx(told) and told["C_drift"] > 0
    rows = results([done, under_way])
    for name, value in told.items():
        assert rows[f"train/{name}"].tolist() == pytest.approx([value, value])
    assert summary(read_run(write_run(tmp_path / "fit"))) == {}


def test_a_drift_has_no_units(tmp_path: Path) -> None:
    rows = results([read_run(write_path(tmp_path / "run"))])
    bits = converted(rows, "bits")
    assert bits["train/C_drift"].tolist() == rows["train/C_drift"].tolist()
    for name in ("C_0", "maxwell", "hessian_largest", "dC/dlambda", "dC/dlambda_stderr", "D_error"):
        known = rows[f"train/{name}"] / math.log(2)
        assert bits[f"train/{name} (bits)"].tolist() == pytest.approx(known.tolist(), nan_ok=True)
    assert not any(map(has_units, ("rate_balance", "gradient_norm", "path_steps", "lambda", "gamma", "t")))


def test_the_start_may_share_its_epoch_with_the_last_line_of_the_fit(tmp_path: Path) -> None:
    folder = write_path(tmp_path / "run", status="unfinished", steps=2)
    file = folder / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["epoch"] = min(line["epoch"], 3)  # a surface that trains nothing on the way
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = read_run(folder)
    assert run.status == "unfinished" and path_of(run, "test").steps.tolist() == [0, 1, 2]
    file.write_text(file.read_text() + json.dumps(lines[-1]) + "\n")
    assert read_run(folder).status == "damaged"


def test_lines_between_steps_are_an_equilibration(tmp_path: Path) -> None:
    assert not len(equilibrations(read_run(write_path(tmp_path / "run", steps=2)), "test", "F"))
    found = equilibrations(read_run(write_equilibration(tmp_path / "pair")), "test", "F")
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    ends = [measures(place)["F"] for place in ((0.5, 1.0), (0.51, 1.04))]
    assert found[[0, 5], 1] == pytest.approx(ends) and found[1, 1] > found[4, 1] > ends[1]


def test_a_run_that_left_its_multipliers_is_in_no_frontier(tmp_path: Path) -> None:
    write_path(tmp_path / "path")
    write_path(tmp_path / "stayed", procedure="equilibrate", places=[(0.25, 4.0)])
    report = contents_of(tmp_path)
    assert [moved(run) for run in report.runs] == [True, False]
    assert set(report.frontiers["curve"]) == {"procedure equilibrate"}
    assert report.points.of_run.tolist() == [0, 1] and report.points.weights[0] == {}
    alone = contents_of(tmp_path / "path")
    assert alone.frontiers.empty and not alone.swept_metrics
    assert "frontier-R-D" not in plots_of(alone)


def test_direct_training_stays_at_its_multipliers(tmp_path: Path) -> None:
    found = {run.folder.name: moved(run) for run in contents_of(write_transfer(tmp_path / "study")).runs}
    assert found == {"geodesic": True, "source": False, "scratch": False}


def test_laws_on_a_grid_leave_paths_out(tmp_path: Path) -> None:
    write_study(tmp_path / "grid", "free_energy", [(a, b) for a in (0.5, 1, 2) for b in (4.0, 8.0, 16.0)], seeds=1)
    kept = contents_of(tmp_path, thermodynamics=True).thermodynamics.everything
    for i, start in enumerate(((0.5, 4.0), (1.0, 8.0))):
        write_path(tmp_path / "paths" / f"run{i}", start)
    assert len(contents_of(tmp_path, thermodynamics=True).thermodynamics.everything) == len(kept)
