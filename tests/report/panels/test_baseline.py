"""What a linear Gaussian model attains beside trained runs: a line under frontiers and paths, and no limit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.panels.baseline import baselines
from ib_cli.report.write import write_figures
from tests.report.path_records import write_path
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_run, write_study

NAME = "linear Gaussian model"
LAMBDAS = (0.3, 0.5, 1.0, 2.0)
VARIANCES = np.array([40.0, 20.0, 8.0, 3.0, 1.0])


def filled(lambda_: float) -> dict[str, float]:
    """Reverse water-filling of independent Gaussians: R and the squared error at the level 1/(2λ)."""
    level = 1 / (2 * lambda_)
    R, error = float(0.5 * np.log(np.maximum(VARIANCES / level, 1)).sum()), float(np.minimum(VARIANCES, level).sum())
    return {"R": R, "D_error": error, "D": error + 2.5 * math.log(math.pi), "F": R + lambda_ * error}


def write_baseline(folder: Path) -> Path:
    for lambda_ in LAMBDAS:
        run = folder / f"linear{lambda_}"
        write_run(run, "free_energy", (lambda_, 0.0001), 0, 1, procedure={"_target_": "exact_frontier"})
        result = json.loads((run / "result.json").read_text())
        result |= {"train": filled(lambda_) | {"baseline": 1.0}, "test": filled(lambda_)}
        (run / "result.json").write_text(json.dumps(result))
    return folder


def test_a_baseline_is_a_line_under_the_frontier_and_no_limit(tmp_path: Path) -> None:
    write_study(tmp_path / "vae", "beta_vae", [0.1, 0.3, 0.6], seeds=1)
    write_baseline(tmp_path / "linear")
    report = contents_of(tmp_path)
    assert report.baselines == [NAME] and report.exact_limits == {}
    assert "above_limit" not in report.frontiers
    assert not any(report.runs[i].baseline for i in report.plane.left_out)  # it has no C, and lacks none
    plot = plots_of(report)["frontier-R-D"]
    (line,) = [trace for trace in plot["traces"] if trace.get("name") == NAME]
    assert line["mode"] == "lines" and line["line"]["dash"] == "dashdot"
    assert line["x"] == pytest.approx([filled(each)["R"] for each in LAMBDAS], rel=1e-4)
    assert "a linear Gaussian model attains; others may be below" in plot["note"] and "exact" not in plot["note"]
    bar = plot["traces"][-1]["marker"]["colorbar"]["title"]["text"]
    assert bar == "β"  # not "β or λ"


def test_a_baseline_runs_beside_paths_only_near_them(tmp_path: Path) -> None:
    write_path(tmp_path / "study" / "run", each=lambda step: {"R": 0.5 + step})
    write_baseline(tmp_path / "linear")
    report = contents_of(tmp_path)
    (found,) = baselines(report, "R", "D_error", 0.0, 100.0)
    assert found.name == NAME and found.points[:, 1] == pytest.approx([filled(each)["D_error"] for each in LAMBDAS])
    R = [filled(each)["R"] for each in LAMBDAS]
    (near,) = baselines(report, "R", "D_error", R[1] - 0.01, R[2] + 0.01)
    assert near.points[:, 0] == pytest.approx(R[1:3])
    assert baselines(report, "R", "D_error", 100.0, 101.0) == [] and baselines(report, "R", "nothing", 0, 1) == []
    names = [trace.get("name") for trace in plots_of(report)["path-R-D_error"]["traces"]]
    assert names.count(NAME) == 1


@pytest.mark.usefixtures("unsaved")
def test_baselines_are_drawn_alone_and_beside_others(tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures("frontier", "equilibrium_path", "measures")
    write_baseline(tmp_path / "linear")
    assert {file.stem for file in write_figures(contents_of(tmp_path), tmp_path)} >= {"frontier_R_D"}
    write_path(tmp_path / "study" / "run")
    assert {file.stem for file in write_figures(contents_of(tmp_path), tmp_path)} >= {"equilibrium_path"}
