"""The exact limit beside trained points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.contents import contents
from ib_cli.report.figures import frontier
from ib_cli.report.plots import plots
from ib_cli.report.read import Reader
from tests.report.synthetic import write_run

FIT, EXACT = "ib_cli.procedures.fit.fit", "ib_cli.procedures.exact_frontier.exact_frontier"
TABLE = {"_target_": "ib_cli.datasets.therml_toy.ThermlToy", "infinite": True, "seed": 0, "passes": 100}


def write(folder: Path, trained: dict = TABLE, exact: dict = TABLE) -> Path:
    """Exact optima at three multipliers, and trained points at two of them, one of which is above the limit."""
    for i, gamma in enumerate((1e-2, 3e-2, 1e-1)):
        write_run(folder / f"exact{i}", multiplier=gamma, procedure={"_target_": EXACT}, dataset=exact, name="s")
    for i, (gamma, noise) in enumerate(((1e-2, 0.0), (5e-2, 0.0), (1e-1, 0.3))):
        write_run(
            folder / f"fit{i}", multiplier=gamma, noise=noise, procedure={"_target_": FIT}, dataset=trained, name="s"
        )
    return folder


def test_trained_points_are_so_far_above_the_limit(tmp_path: Path) -> None:
    table = contents(Reader().read([write(tmp_path / "s")])).frontiers.set_index(["curve", "gamma"])
    above = table["above_limit"]
    assert above["procedure exact_frontier"].isna().all()
    trained = above["procedure fit"]
    assert trained[1e-2] == pytest.approx(0, abs=1e-12) and np.isnan(trained[5e-2])
    row, least = table.loc["procedure fit", 1e-1], table.loc["procedure exact_frontier", 1e-1]
    assert trained[1e-1] == pytest.approx(row["C"] + 0.1 * row["R"] - least["C"] - 0.1 * least["R"])


@pytest.mark.parametrize(
    ("trained", "exact", "split", "known"),
    [
        ({"passes": 7}, {}, "train", True),
        ({"infinite": False}, {}, "test", True),
        ({"infinite": False}, {}, "train", False),
        ({}, {"infinite": False}, "test", False),
        ({"bins": 12}, {}, "test", False),
    ],
)
def test_a_limit_is_that_of_the_same_law(tmp_path: Path, trained: dict, exact: dict, split: str, known: bool) -> None:
    folder = write(tmp_path / "s", {**TABLE, **trained}, {**TABLE, **exact})
    made = contents(Reader().read([folder]), split)
    assert ("above_limit" in made.frontiers and bool(made.frontiers["above_limit"].notna().any())) == known


def test_the_limit_is_a_line_without_marks(tmp_path: Path) -> None:
    made = contents(Reader().read([write(tmp_path / "s")]))
    drawn = plots(made)
    frontier.draw(made, tmp_path)
    assert (tmp_path / "frontier_R_C.png").stat().st_size > 0
    traces = next(plot for plot in drawn if plot["id"] == "frontier-R-C")["traces"]
    (limit,) = [trace for trace in traces if trace.get("name") == "exact limit"]
    assert limit["mode"] == "lines" and len(limit["x"]) == 3
    assert any("above the exact limit" in text for trace in traces for text in trace.get("details", ()))
