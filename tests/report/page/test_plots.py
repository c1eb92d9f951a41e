"""What the page's plots and the pictures of the first law show of studies in closed form."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.page.plot_parts import point_texts
from ib_cli.report.panels.first_law import axis_limits, not_positive, slope_series
from ib_cli.report.quantities import hulls
from ib_cli.report.write import write_figures
from tests.families import family
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import optimum, write_run, write_study

LAMBDAS, GAMMAS = (0.5, 1.0, 2.0, 4.0), (4.0, 8.0, 16.0)


@pytest.fixture
def surface(tmp_path: Path) -> Path:
    """R + λ D + γ C over λ × γ, two seeds."""
    return write_study(
        tmp_path / "surface", "free_energy", multipliers=[(a, b) for a in LAMBDAS for b in GAMMAS], seeds=2, epochs=2
    )


def off_the_curve(folder: Path) -> Path:
    """A study of five γ whose middle run got worse in both R and C: both secants to it are not positive."""
    write_study(folder, multipliers=[1e-3, 1e-2, 3e-2, 1e-1, 3e-1], seeds=1)
    for file in folder.glob("*002s0/result.json"):
        result = json.loads(file.read_text())
        result["test"] |= {"R": 20.0, "C": 2.0}
        file.write_text(json.dumps(result))
    return folder


def test_every_plot_of_a_sweep_has_its_section(study: Path) -> None:
    found = plots_of(contents_of(study))
    assert [(plot["section"], name) for name, plot in found.items()] == [
        ("Frontiers and information plane", "frontier-R-C"),
        ("Frontiers and information plane", "information-plane"),
        ("Frontiers and information plane", "first-law"),
        *(("Measures and multipliers", f"measure-{name}") for name in ("J", "R", "C", "accuracy")),
        *(("Trajectories", f"trajectory-{name}") for name in ("J", "R", "C", "accuracy")),
    ]


def test_a_measure_against_the_multiplier_has_medians_and_single_runs(study: Path) -> None:
    medians, runs = plots_of(contents_of(study, units="bits"))["measure-R"]["traces"]
    assert medians["x"] == [1e-3, 1e-2, 3e-2, 1e-1, 3e-1]
    expected = [optimum("vib", gamma)["R"] / math.log(2) for gamma in medians["x"]]
    assert medians["y"] == pytest.approx(expected, rel=1e-4)
    assert medians["points"] == [0, 1, 2, 3, 4]
    assert sorted(runs["customdata"]) == list(range(15))


def test_a_multiplier_of_0_has_its_place_on_the_logarithmic_axis(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", seeds=1)
    file = next(write_study(tmp_path / "zero", multipliers=[1.0], seeds=1).glob("*/result.json"))
    file.write_text(file.read_text().replace('"gamma": 1.0', '"gamma": 0.0'))
    config = file.parent / "config.yaml"
    config.write_text(config.read_text().replace("\ngamma: 1.0", "\ngamma: 0.0"))
    plot = plots_of(contents_of(study, file.parent))["measure-C"]
    (medians,) = plot["traces"]
    assert len(medians["x"]) == 4 and 0 < medians["x"][0] < 1e-3
    assert plot["layout"]["xaxis"]["tickvals"][0] == pytest.approx(medians["x"][0], rel=1e-4)
    assert plot["layout"]["xaxis"]["ticktext"][0] == "0"


def test_lines_of_a_grid_are_named_by_the_other_multiplier(surface: Path) -> None:
    traces = plots_of(contents_of(surface))["measure-D"]["traces"]
    lines = {trace["name"]: trace for trace in traces if "points" in trace}
    assert set(lines) == {"γ = 4", "γ = 8", "γ = 16"}
    assert lines["γ = 8"]["x"] == list(LAMBDAS)
    assert len({trace["line"]["color"] for trace in lines.values()}) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("unsaved")
def test_a_random_search_is_not_joined(tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures("frontier", "measures", "first_law")
    pairs = [(float(a), float(b)) for a, b in np.exp(np.random.default_rng(0).uniform(0, 2, (12, 2)))]
    report = contents_of(write_study(tmp_path / "study", "free_energy", multipliers=pairs, seeds=1, epochs=1))
    (medians,) = plots_of(report)["measure-R"]["traces"]
    assert medians["mode"] == "markers" and len(medians["x"]) == 12
    assert write_figures(report, tmp_path / "figures")


def test_a_surface_of_runs_that_differ_in_many_ways_has_no_slopes(tmp_path: Path) -> None:
    for i in range(9):
        write_run(tmp_path / f"run{i}", "free_energy", (0.5 + i, 4.0 + i % 3), bottleneck={"size": i})
    report = contents_of(tmp_path)
    assert report.points.merged
    medians = plots_of(report)["surface-D-C-R"]["traces"][0]
    assert len(medians["details"]) == 9 and not any("∂" in text for text in medians["details"])


def test_the_first_law_of_a_pair_is_its_table(study: Path) -> None:
    report = contents_of(study)
    plot = plots_of(report)["first-law"]
    _, law = plot["traces"]
    inner = report.frontiers.iloc[1:-1]
    assert law["x"] == pytest.approx([1e-2, 3e-2, 1e-1])
    assert law["y"] == pytest.approx(inner["slope"].tolist(), rel=1e-4)
    assert law["points"] == inner.index.tolist()
    assert "first law: 0.01" in law["details"][0]
    assert "not positive" not in plot["note"]


@pytest.mark.usefixtures("unsaved")
def test_slopes_that_are_not_positive_are_marked_and_counted(tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures("first_law")
    report = contents_of(off_the_curve(tmp_path / "study"))
    (series,) = slope_series(report.frontiers)
    assert series.positive.sum() == 0 or series.positive[0]  # a legend takes the first mark's form
    below = series.predicted[~series.positive]
    assert 3e-2 in below
    _, (low, _) = axis_limits([series])
    plot = plots_of(report)["first-law"]
    law = plot["traces"][1]
    marks = {x: (y, form) for x, y, form in zip(law["x"], law["y"], law["marker"]["symbol"])}
    y, form = marks[3e-2]
    assert form == "triangle-down-open"
    assert low <= y < 1.1 * low
    assert f"not positive: {len(below)} of 3" in plot["note"] and not_positive([series]) in plot["note"]
    assert "not positive: secants" in law["details"][law["x"].index(3e-2)]
    assert write_figures(report, tmp_path / "figures")


def test_a_surface_has_its_medians_facets_and_slopes(surface: Path) -> None:
    report = contents_of(surface)
    plot = plots_of(report)["surface-D-C-R"]
    by_name = {(trace["type"], trace.get("name")): trace for trace in plot["traces"]}
    medians, mesh = by_name["scatter3d", "medians"], by_name["mesh3d", "hull"]
    table = report.frontiers[report.frontiers["frontier"] == "D-C-R"]
    assert medians["x"] == pytest.approx(table["D"].tolist(), rel=1e-4)
    assert medians["z"] == pytest.approx(table["R"].tolist(), rel=1e-4)
    corners = np.stack([mesh[axis] for axis in "ijk"], 1)
    assert len(corners) == len(hulls.facets(table[["D", "C", "R"]].to_numpy())) == 2 * 3 * 2  # two a cell of the grid
    assert len(by_name["scatter3d", "runs"]["customdata"]) == 24
    assert "−∂R/∂D" in medians["details"][0] and "−∂R/∂C" in medians["details"][0]
    assert plot["picture"] == "figures/surface_D_C_R.png"
    law = plots_of(report)["first-law"]
    assert [trace.get("name") for trace in law["traces"][1:]] == ["−∂R/∂D", "−∂R/∂C"]
    assert "Hollow" in law["note"]
    assert law["traces"][1]["marker"]["symbol"].count("circle") == 2  # inside; the rest is the rim
    assert law["traces"][1]["marker"]["symbol"][0] == "circle"


def test_the_table_of_a_surface_has_the_columns_of_pairs(surface: Path) -> None:
    table = contents_of(surface).frontiers
    table = table[table["frontier"] == "D-C-R"]
    assert (table["first_law"] == 1).all()
    assert table["slope_predicted"].tolist() == table["lambda"].tolist()
    assert table["slope_2_predicted"].tolist() == table["gamma"].tolist()
    inside = table[table["rim"] == 0]
    assert inside["slope"].tolist() == pytest.approx(inside["lambda"].tolist(), rel=0.03)
    assert (inside["slope_2_low"] < inside["gamma"]).all() and (inside["gamma"] < inside["slope_2_high"]).all()
    assert (table["slope_low"] <= table["slope_high"]).all()


def test_a_surface_is_a_figure(surface: Path, tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures("surface", "first_law")
    files = {file.name for file in write_figures(contents_of(surface, metrics=["R"]), tmp_path / "figures")}
    assert {"surface_D_C_R.png", "surface_D_C_R.pdf", "first_law.png"} <= files


@pytest.mark.slow
@pytest.mark.usefixtures("unsaved")
def test_two_surfaces_and_a_pair_share_a_report(
    surface: Path, tmp_path: Path, only_figures: Callable[..., None]
) -> None:
    only_figures("frontier", "surface", "first_law")
    pairs = [(a, b) for a in LAMBDAS for b in GAMMAS]
    more = {"bottleneck": {"size": 8}}
    write_study(tmp_path / "other", "free_energy", multipliers=pairs, seeds=1, epochs=2, more=more)
    write_study(tmp_path / "vib", seeds=1)
    write_run(tmp_path / "vib" / "late", status="unfinished", seed=7)
    report = contents_of(tmp_path)
    found = plots_of(report)
    assert sum(trace["type"] == "mesh3d" for trace in found["surface-D-C-R"]["traces"]) == 2
    assert len(found["first-law"]["traces"]) == 1 + 2 * 2 + 1
    assert write_figures(report, tmp_path / "figures")


@pytest.mark.usefixtures("unsaved")
@pytest.mark.parametrize("objective", family(["vib", "free_energy"], quick=["vib"]))
def test_one_run_has_neither_slopes_nor_a_sweep(tmp_path: Path, objective: str) -> None:
    multiplier = 1e-2 if objective == "vib" else (1.0, 8.0)
    write_run(tmp_path / "study" / "run", objective, multiplier, epochs=2)
    report = contents_of(tmp_path)
    names = set(plots_of(report))
    assert not any(name.startswith(("measure-", "first-law", "surface-")) for name in names)
    assert {"frontier-R-C", "trajectory-R"} <= names
    assert write_figures(report, tmp_path / "figures")


def test_a_median_says_whose_it_is(study: Path) -> None:
    head, tail = point_texts(contents_of(study))[1]
    assert head == "γ = 0.01"
    assert tail == f"median of 3 runs, seeds 0, 1, 2<br>{study}"
    head, tail = point_texts(contents_of(study / "vib000s0"))[0]
    assert tail == f"seed 0<br>{study / 'vib000s0'}"
