"""Paths on the equilibrium surface as figures and page show them: names, lines, units, and runs that are not done."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.main import _notes
from ib_cli.report.page.page import page
from ib_cli.report.panels.paths import (
    equilibrated,
    free_energy_panels,
    line,
    names_of,
    panels_of,
    splits,
    together,
    transfers,
    walks,
)
from ib_cli.report.write import write_figures
from tests.families import family
from tests.report.path_records import (
    iso_classification,
    measures,
    write_equilibration,
    write_path,
    write_transfer,
)
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_study

STARTS = ((0.25, 15.0), (0.25, 4.0), (0.25, 8.0))
PICTURES = ("equilibrium_path", "transfer", "free_energy", "path_laws")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three starts, two seeds."""
    for i, start in enumerate(STARTS):
        for seed in range(2):
            write_path(tmp_path / "study" / f"run{i}s{seed}", start, seed=seed)
    return tmp_path / "study"


def test_a_run_is_a_line_named_by_its_start(study: Path) -> None:
    report = contents_of(study)
    found = walks(report)
    assert len(found) == 6 and names_of(found) == ["(0.25, 4)", "(0.25, 8)", "(0.25, 15)"]
    assert [path.number for path in found] == [0, 0, 1, 1, 2, 2]
    assert [report.runs[path.run].folder.name[:4] for path in found[::2]] == ["run1", "run2", "run0"]


def test_runs_of_one_start_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "a", alpha=2.0)
    write_path(tmp_path / "s" / "b", alpha=3.0)
    write_path(tmp_path / "s" / "c", (0.25, 6.0), alpha=2.0)
    names = ["(0.25, 4), procedure.alpha=2", "(0.25, 4), procedure.alpha=3", "(0.25, 6)"]
    assert names_of(walks(contents_of(tmp_path))) == names


def test_the_panels_have_the_recorded_values_in_the_units(study: Path) -> None:
    report = contents_of(study, units="bits")
    found = walks(report)
    panels = panels_of(report, found)
    assert [(panel.x, panel.y) for panel in panels] == [
        ("R", "D_error"), ("lambda", "gamma"), ("path_step", "C"), ("path_step", "accuracy"),
    ]  # fmt: skip
    assert [panel.splits for panel in panels] == [("test",), ("test",), ("test", "train"), ("test", "train")]
    path = next(path for path in found if path.name == "(0.25, 4)")
    places = iso_classification((0.25, 4.0), 6, 2.0)
    of = [measures(place) for place in places]
    drawn = line(report, path, panels[0], "test")
    assert drawn[:, 1] == pytest.approx([1.1 * each["R"] / math.log(2) for each in of])
    assert drawn[:, 2] == pytest.approx([1.1 * each["D_error"] / math.log(2) for each in of])
    assert line(report, path, panels[1], "test")[:, 1:] == pytest.approx(np.array(places))
    assert line(report, path, panels[2], "train")[:, 2] == pytest.approx([each["C"] / math.log(2) for each in of])
    assert line(report, path, panels[3], "train")[:, 2] == pytest.approx([100 * each["accuracy"] for each in of])


def test_the_train_split_alone_is_one_line(study: Path) -> None:
    assert splits(contents_of(study, split="train")) == ("train",)


def test_paths_without_d_error_have_d(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "a", each=lambda step: {"D_error": None})
    report = contents_of(tmp_path)
    assert panels_of(report, walks(report))[0].y == "D"


@pytest.mark.parametrize("status", family(["unfinished", "failed"], quick=["unfinished"]))
def test_a_path_that_is_not_done_is_drawn_as_far_as_it_came(
    tmp_path: Path, status: str, only_figures: Callable[..., None], unsaved: None
) -> None:
    only_figures(*PICTURES)
    write_path(tmp_path / "s" / "late", steps=3, status=status)
    report = contents_of(tmp_path)
    (path,) = walks(report)
    assert line(report, path, panels_of(report, [path])[0], "test")[:, 0].tolist() == [0, 1, 2, 3]
    assert {file.stem for file in write_figures(report, tmp_path)} == {"equilibrium_path", "free_energy", "path_laws"}
    symbols = [trace["marker"].get("symbol") for trace in plots_of(report)["path-R-D_error"]["traces"]]
    assert symbols.count("x") == 1
    row = page(report, "s")
    assert "train/C_drift" in row and "train/path_steps" in row


def test_a_start_alone_is_no_path(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "a", places=[(0.25, 4.0)])
    write_study(tmp_path / "fit", "free_energy", [(0.5, 4.0)], seeds=1)
    report = contents_of(tmp_path)
    assert (
        not walks(report) and not equilibrated(report) and not any(name.startswith("path") for name in plots_of(report))
    )


def test_a_transfer_stands_beside_direct_training(tmp_path: Path) -> None:
    report = contents_of(write_transfer(tmp_path / "study"))
    found = transfers(report)
    assert not walks(report)
    assert names_of(found) == ["direct fine-tuning", "geodesic transfer", "training from scratch"]
    accuracy = panels_of(report, found)[-1]
    of = {path.name: line(report, path, accuracy, "test") for path in found}
    assert of["training from scratch"][:, 1].tolist() == [10]  # a point, at the end
    assert of["direct fine-tuning"][0, 2] == 0 and len(of["direct fine-tuning"]) == 11
    assert of["geodesic transfer"][:, 2].min() == pytest.approx(96)
    places = panels_of(report, found)[1]
    assert [len(line(report, path, places, "test")) for path in found if path.name != "geodesic transfer"] == [0, 0]


def test_transfers_from_several_starts_name_them(tmp_path: Path) -> None:
    for i, start in enumerate(((0.5, 8.0), (1.0, 8.0))):
        write_path(tmp_path / "s" / f"t{i}", start, procedure="transfer", each=lambda step: {"t": step / 6})
    names = ["iso-classification transfer, (0.5, 8)", "iso-classification transfer, (1, 8)"]
    assert names_of(transfers(contents_of(tmp_path))) == names


def test_walks_and_transfers_share_no_number(tmp_path: Path) -> None:
    write_path(tmp_path / "walk" / "a")
    report = contents_of(write_transfer(tmp_path / "study").parent)
    assert sorted({path.number for path in together(walks(report), transfers(report))}) == [0, 1, 2, 3]


def test_free_energy_against_steps_and_over_an_equilibration(study: Path, tmp_path: Path) -> None:
    report = contents_of(study)
    assert [panel.counted for panel in free_energy_panels(report, walks(report))] == ["steps"]
    write_equilibration(tmp_path / "pair" / "run")
    report = contents_of(tmp_path)
    found = together(equilibrated(report), walks(report))
    panels = free_energy_panels(report, found)
    assert [panel.counted for panel in panels] == ["epochs of equilibration", "steps"]
    (path,) = equilibrated(report)
    assert path.name == "(0.5, 1)" and len(line(report, path, panels[0], "test")) == 6
    assert not len(line(report, path, panels[1], "test"))  # two places are no walk
    assert len(walks(report)) == 6 and not panels_of(report, equilibrated(report))


@pytest.mark.usefixtures("unsaved")
def test_pictures_and_plots_of_many_starts(tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures(*PICTURES)
    for i in range(13):
        write_path(tmp_path / "s" / f"run{i}", (0.25, 4.0 + i), steps=2)
    write_transfer(tmp_path / "t")
    report = contents_of(tmp_path)
    assert {file.stem for file in write_figures(report, tmp_path / "figures")} == set(PICTURES)
    found = plots_of(report)
    names = [name for name in found if name.startswith(("path", "transfer"))]
    assert names == [
        "path-R-D_error", "path-lambda-gamma", "path-path_step-C", "path-path_step-accuracy", "path-path_step-F",
        "transfer-R-D_error", "transfer-lambda-gamma", "transfer-path_step-C", "transfer-path_step-accuracy",
        "path-law-maxwell", "path-law-rate_balance", "path-law-hessian_largest",
    ]  # fmt: skip
    assert not any(trace["showlegend"] for trace in found["path-R-D_error"]["traces"])  # 13 names are too many
    named = [trace["name"] for trace in found["transfer-path_step-C"]["traces"] if trace["showlegend"]]
    assert sorted(named) == ["direct fine-tuning", "geodesic transfer", "training from scratch"]


def test_the_report_says_that_paths_are_in_no_frontier(study: Path) -> None:
    notes = _notes(contents_of(study), "test")
    assert (
        "6 runs changed λ, γ or the law of the data on the way: in the pictures of paths, and in no frontier" in notes
    )


def test_a_term_of_weight_0_is_not_told_as_minimised(tmp_path: Path) -> None:
    file = write_path(tmp_path / "s" / "late", status="unfinished") / "config.yaml"
    file.write_text(file.read_text().replace("    C: gamma\n", "    C: gamma\n    D_error: 0\n"))
    assert "minimise R + λ D + γ C; " in page(contents_of(tmp_path), "s")
