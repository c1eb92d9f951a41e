"""The exact limit beside trained points."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.figures import frontier, information_plane, trajectories
from ib_cli.report.page.plots import plots
from ib_cli.report.panels.contents import contents
from ib_cli.report.quantities.exact_limit import transitions
from ib_cli.report.read.runs import Reader
from tests.families import family
from tests.report.synthetic import write_run, write_study

FIT, EXACT = "ib_cli.procedures.fit.fit.fit", "ib_cli.procedures.exact_frontier.exact_frontier"
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
    assert above["exact"].isna().all()
    trained = above["VIB"]
    assert trained[1e-2] == pytest.approx(0, abs=1e-12) and np.isnan(trained[5e-2])
    row, least = table.loc["VIB", 1e-1], table.loc["exact", 1e-1]
    assert trained[1e-1] == pytest.approx(row["C"] + 0.1 * row["R"] - least["C"] - 0.1 * least["R"])


@pytest.mark.parametrize(
    ("record", "gap", "title"),
    family(
        [
            ({}, 0.0, "exact limit"),  # a closed form has no gap
            ({"gap": 2e-10, "certified": 1.0}, 2e-10, "exact limit"),
            ({"gap": 0.3, "certified": 0.0}, 0.3, "exact limit (not certified)"),
            ({"gap": 0.0}, math.nan, "exact limit (not certified)"),  # version 0.1 proved nothing
        ],
        every=2,
    ),
)
def test_a_limit_without_a_certificate_says_so(tmp_path: Path, record: dict, gap: float, title: str) -> None:
    study = write(tmp_path / "s")
    rewrite(study, "exact*", **{name: lambda of, value=value: value for name, value in record.items()})
    made = contents(Reader().read([study]))
    trained = made.frontiers[made.frontiers["above_limit"].notna()]
    assert len(trained) and trained["limit_gap"].tolist() == pytest.approx([gap] * len(trained), nan_ok=True)
    assert list(made.exact_limits["R-C"].values()) == [title]
    traces = next(plot for plot in plots(made) if plot["id"] == "frontier-R-C")["traces"]
    told = [text for trace in traces for text in trace.get("details", ()) if "not certified" in text]
    assert bool(told) == ("not" in title)


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


def rewrite(study: Path, pattern: str, **measures: object) -> None:
    """Functions of a run's measures, by name, into its results and metrics."""
    for folder in study.glob(pattern):
        result = json.loads((folder / "result.json").read_text())
        for split in ("train", "test"):
            result[split] |= {name: value(result[split]) for name, value in measures.items()}
        (folder / "result.json").write_text(json.dumps(result))
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        lines = [line | {name: value(line) for name, value in measures.items()} for line in lines]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_where_the_rate_leaves_zero_is_said_once(tmp_path: Path) -> None:
    study = write(tmp_path / "s")
    assert transitions(Reader().read([study])) == []  # earlier versions did not record it
    rewrite(study, "exact*", transition=lambda of: 1.23456, transition_local=lambda of: 1.5)
    (line,) = transitions(Reader().read([study]))
    assert "C weighs 1.235 times as much as R" in line and line.endswith("at 1.5")


def pairs(*folders: Path) -> dict[str, list[str]]:
    """The pairs that have an exact limit, and what it is called."""
    return {name: list(curves.values()) for name, curves in contents(Reader().read(folders)).exact_limits.items()}


def exact_study(folder: Path, objective: str = "vib", multipliers: tuple = (1e-2, 3e-2, 1e-1), **more: object) -> Path:
    more = {"procedure": {"_target_": EXACT}, "dataset": TABLE, **more}
    return write_study(folder, objective, multipliers, seeds=1, epochs=1, more=more)


def test_only_what_was_traded_off_has_a_limit(tmp_path: Path) -> None:
    study = exact_study(tmp_path / "s")
    rewrite(study, "*", D=lambda of: 20 - of["R"])
    assert pairs(study) == {"R-C": ["exact limit"]}
    found = {plot["id"]: plot for plot in plots(contents(Reader().read([study])))}
    assert "limit" in found["frontier-R-C"]["note"]
    for name in ("frontier-R-D", "frontier-D-C"):
        assert "limit" not in found[name]["note"]
        assert not [trace for trace in found[name]["traces"] if "limit" in trace.get("name", "")]
        assert len(next(t for t in found[name]["traces"] if t.get("name") == "medians")["x"]) == 3


def test_one_optimum_is_no_limit(tmp_path: Path) -> None:
    assert pairs(exact_study(tmp_path / "s", multipliers=(1e-2,))) == {}


def test_three_functionals_bound_a_surface_and_no_pair(tmp_path: Path) -> None:
    grid = tuple((a, b) for a in (0.5, 1.0, 2.0) for b in (4.0, 8.0, 16.0))
    assert pairs(exact_study(tmp_path / "s", "free_energy", grid)) == {}


@pytest.mark.parametrize(("weight", "bound"), [(0.5, True), (2.0, False)])
def test_a_third_functional_that_follows_from_the_pair_adds_to_its_weights(
    tmp_path: Path, weight: float, bound: bool
) -> None:
    """R + λ D + γ C with D = H(X) − R is (1 − λ) R + γ C: a trade of R and C where λ < 1."""
    study = exact_study(tmp_path / "s", "free_energy", ((weight, 4.0), (weight, 8.0), (weight, 16.0), (weight, 32.0)))
    rewrite(study, "*", D=lambda of: 20 - of["R"])
    assert pairs(study) == ({"R-C": ["exact limit"]} if bound else {})


def test_exact_curves_are_called_exact_whatever_tells_them_apart(tmp_path: Path) -> None:
    for i, size in enumerate((8, 16)):
        write_study(tmp_path / f"fit{i}", seeds=1, more={"bottleneck": {"size": size}, "dataset": TABLE})
    alone = exact_study(tmp_path / "exact", bottleneck={"size": 32})
    names = set(contents(Reader().read([tmp_path])).frontiers["curve"])
    assert names == {"K = 8", "K = 16", "exact"}
    other = exact_study(tmp_path / "other", dataset={**TABLE, "bins": 12}, bottleneck={"size": 32})
    assert pairs(alone, other) == {"R-C": ["exact limit, dataset.bins=None", "exact limit, dataset.bins=12"]}


def test_the_plane_has_the_limit_as_a_line_and_its_optima_as_no_dots(tmp_path: Path) -> None:
    made = contents(Reader().read([write(tmp_path / "s")]))
    plot = next(plot for plot in plots(made) if plot["id"] == "information-plane")
    (limit,) = [trace for trace in plot["traces"] if trace.get("name") == "exact limit"]
    assert limit["mode"] == "lines" and limit["x"] == sorted(limit["x"]) and len(limit["x"]) == 3
    assert {made.runs[run].exact for run in limit["customdata"]} == {True}
    marked = [run for t in plot["traces"] if "markers" in t.get("mode", "") for run in t.get("customdata", ())]
    assert marked and not any(made.runs[run].exact for run in marked)
    assert plot["layout"]["showlegend"] is True
    information_plane.draw(made, tmp_path)
    assert (tmp_path / "information_plane.png").stat().st_size > 0


def test_a_continuous_y_has_no_ceiling_in_the_plane(tmp_path: Path) -> None:
    study = write(tmp_path / "s")
    labelled = next(plot for plot in plots(contents(Reader().read([study]))) if plot["id"] == "information-plane")
    assert "H(Y)" in labelled["traces"][0]["name"]
    rewrite(study, "fit*", mse=lambda of: 0.5)  # the exact runs of the same data may lack it
    made = contents(Reader().read([study]))
    assert made.plane.label_entropy is None
    bounds = next(plot for plot in plots(made) if plot["id"] == "information-plane")["traces"][0]
    assert bounds["name"] == "I(Y;Z) ≤ I(X;Z)" and bounds["y"] == bounds["x"] and len(bounds["x"]) > 1


def test_exact_optima_alone_have_no_trajectories(tmp_path: Path) -> None:
    made = contents(Reader().read([exact_study(tmp_path / "s")]))
    assert not [plot for plot in plots(made) if plot["section"] == "Trajectories"]
    assert trajectories.draw(made, tmp_path) == []
