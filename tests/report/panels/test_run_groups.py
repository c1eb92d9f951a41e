"""Runs of a few multipliers differ in dashes and marks beside their colour, on figures and page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ib_cli.report.figures import entropies, information_plane, style, trajectories
from ib_cli.report.panels.abreast import strips
from ib_cli.report.panels.run_groups import named_groups, run_groups
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_estimates, write_run, write_study


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    kept: dict[str, Figure] = {}
    monkeypatch.setattr(style, "write", lambda figure, folder, name: kept.setdefault(name, figure) and [])
    return kept


def test_groups_are_of_multipliers_and_of_curves_where_these_are_few(tmp_path: Path) -> None:
    study = write_study(tmp_path / "a", seeds=2)
    report = contents_of(study)
    groups = run_groups(report, range(6))
    assert [group.title(["gamma"], lambda name: "γ") for _, group in named_groups(groups)] == [
        "γ = 0.001", "γ = 0.01", "γ = 0.1",
    ]  # fmt: skip
    assert [groups[run][0] for run in range(6)] == [0, 0, 1, 1, 2, 2]
    write_study(tmp_path / "b", seeds=1, more={"bottleneck": {"size": 8}})
    both = contents_of(tmp_path)
    assert len(named_groups(run_groups(both, range(9)))) == 6
    assert len(named_groups(run_groups(both, range(9), curves=False))) == 3


def test_one_group_or_too_many_are_none(tmp_path: Path) -> None:
    assert run_groups(contents_of(write_study(tmp_path / "one", multipliers=[0.1])), range(3)) == {}
    many = write_study(tmp_path / "many", multipliers=[10 ** (-i / 4) for i in range(9)], seeds=1)
    assert run_groups(contents_of(many), range(9)) == {}


def test_a_legend_names_the_groups_with_dashes_and_marks_of_their_own(
    tmp_path: Path, figures: dict[str, Figure]
) -> None:
    report = contents_of(write_study(tmp_path / "study"))
    trajectories.draw(report, tmp_path)
    handles = figures["trajectories"].legends[0].legend_handles
    assert len({(handle.get_linestyle(), handle.get_marker()) for handle in handles}) == len(handles) == 3
    named = [trace for trace in plots_of(report)["trajectory-R"]["traces"] if trace.get("name")]
    assert [trace["name"] for trace in named] == ["γ = 0.001", "γ = 0.01", "γ = 0.1"]
    assert len({(trace["line"]["dash"], trace["marker"]["symbol"]) for trace in named}) == 3


def test_lines_of_32_curves_have_dashes_and_marks_of_their_own() -> None:
    assert len({(look["ls"], look["marker"]) for look in map(style.look, range(32))}) == 32


def test_figures_name_their_split_below(tmp_path: Path, figures: dict[str, Figure]) -> None:
    report = contents_of(write_study(tmp_path / "study"), split="train")
    information_plane.draw(report, tmp_path)
    assert figures["information_plane"].get_supxlabel().startswith("train split")
    assert all(plot["split"] == "train" for plot in plots_of(report).values())


def test_entropies_have_no_zero_of_their_own_and_three_columns_at_most(
    tmp_path: Path, figures: dict[str, Figure]
) -> None:
    for size in range(5):
        run = write_run(tmp_path / f"run{size}", multiplier=0.1, bottleneck={"size": 8 + size})
        write_estimates(run, "mixture", {"H[Z]": [40.0, 41.0 + size], "H[Z|Y]": [-9.0, -8.0]})
    report = contents_of(tmp_path)
    entropies.draw(report, tmp_path)
    shown = [place for place in figures["entropies"].axes if place.get_visible()]
    assert len(shown) == 10 and figures["entropies"].get_size_inches()[0] < 9
    assert shown[0].get_ylim()[0] > 39 and shown[3].get_ylim()[1] < -7
    plot = plots_of(report)["entropies"]
    assert (
        plot["height"] == 4 * 300 and [note["text"] for note in plot["layout"]["annotations"]] == report.points.curves
    )
    ends = [plot["layout"][f"yaxis{number}"]["range"] for number in (1, 4)]
    assert ends[0][0] > 39 and ends[1][1] < -7


def test_strips_keep_the_order_of_rows_and_columns() -> None:
    laid = [(list(strip.panels), strip.row, strip.first) for strip in strips([list("abcd"), list("ABCD")])]
    assert laid == [(list("abc"), 0, True), (list("ABC"), 1, False), (["d"], 0, True), (["D"], 1, False)]


def test_a_mark_beside_another_is_to_its_right_on_either_axis() -> None:
    at = np.array([1e-3, 1e-1])
    assert (style.beside(at, (1e-3, 1e-1)) > at).all()
    assert style.beside(np.array([0.0]), (0.0, 10.0)) == pytest.approx([0.25])
