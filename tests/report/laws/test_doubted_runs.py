"""Laws of runs whose averages are not to be trusted: nothing that uses such a run is sure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ib_cli.report.laws.thermodynamics import Thermodynamics, measure_laws
from ib_cli.report.page.plots import plots
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.points import gather
from ib_cli.report.read.runs import Reader
from ib_cli.report.read.tables import results
from tests.report.conftest import Ended
from tests.report.laws.lawful import write_grid

STEPS = 1.25 ** np.arange(7)
DOUBT = "chains have not all seen the same: R̂ 1.4"


def study(folder: Path, *doubted: int, grid: dict | None = None, seeds: int = 1) -> Path:
    written = write_grid(folder / "study", grid or {"gamma": (1.5 * STEPS).tolist()}, seeds=seeds)
    for number in doubted:
        file = written / f"run{number:04}" / "result.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "doubts": [DOUBT]}))
    return written


def laws(folder: Path) -> Thermodynamics:
    runs = Reader().read([folder])
    table = results(runs)
    return measure_laws(gather(runs, table, "train"), runs, table, "train")


def test_every_cell_that_uses_a_doubted_run_is_doubted_and_no_other(tmp_path: Path) -> None:
    found = {one.statement: one for one in laws(study(tmp_path, 0)).relations}
    # derivatives are taken from up to five points: those of the points 1 and 2 reach to 0
    for statement in ("∂J/∂γ = C", "ρ dR = −γ dC − δ dD − σ dS/N along γ", "(∂R/∂γ)"):
        assert found[statement].trusted.tolist() == [False, False, False, True, True, True, True]
    assert found["J is concave in γ"].trusted.tolist() == [False, False, True, True, True, True, True]
    assert found["R − σ S/N"].trusted.tolist() == [False, True, True, True, True, True, True]


def test_one_doubted_seed_makes_its_cell_doubted(tmp_path: Path) -> None:
    (free,) = (one for one in laws(study(tmp_path, 7, seeds=3)).relations if one.statement == "R − σ S/N")
    assert free.trusted.tolist() == [True, True, False, True, True, True, True]


def test_no_cell_of_doubted_runs_is_sure_in_any_law(tmp_path: Path) -> None:
    grid = {"gamma": (1.5 * STEPS[:5]).tolist(), "sigma": (0.5 * STEPS[:5]).tolist()}
    all_of_them = laws(study(tmp_path, *range(25), grid=grid))
    assert {"first law", "Maxwell relation", "susceptibility", "convexity", "free rate"} < set(all_of_them.table["law"])
    assert all_of_them.summary["sure points"].sum() == 0
    assert (all_of_them.summary["doubted points"] == all_of_them.summary["points"]).all()
    assert all_of_them.table["doubt"].str.contains(DOUBT).all()


def test_a_doubt_in_the_middle_of_a_grid_reaches_the_mixed_relations(tmp_path: Path) -> None:
    grid = {"gamma": (1.5 * STEPS[:5]).tolist(), "sigma": (0.5 * STEPS[:5]).tolist()}
    sure, unsure = laws(study(tmp_path / "a", grid=grid)), laws(study(tmp_path / "b", 12, grid=grid))
    assert "doubt" not in sure.table and (sure.summary["doubted points"] == 0).all()
    for one in unsure.relations:
        assert not one.trusted[2, 2] and not one.sure[2, 2]
        if one.law in ("Maxwell relation", "first law", "derivative of J"):
            assert (~one.trusted & one.shown).sum() > 1
    assert unsure.summary["sure points"].sum() < sure.summary["sure points"].sum()


def test_trusted_runs_are_written_as_before(tmp_path: Path) -> None:
    found = laws(study(tmp_path))
    assert all(one.trusted.all() for one in found.relations) and found.summary["sure points"].sum() > 0


@pytest.mark.usefixtures("without_figures")
def test_the_report_says_it_in_words_table_and_page(ib_report: Callable[..., Ended], tmp_path: Path) -> None:
    folder = study(tmp_path, *range(7))
    end = ib_report(folder, "--thermodynamics")
    assert end.code == 0, end.err
    assert "no point is sure" in end.out and "sure ones" not in end.out
    (table,) = folder.parent.rglob("thermodynamics.csv")
    header, *lines = table.read_text(encoding="utf-8").splitlines()
    assert "doubt" in header.split(",") and lines and all(DOUBT in line for line in lines)
    for plot in plots(contents(Reader().read([folder]), thermodynamics=True)):
        for trace in plot["traces"] if plot["id"].startswith("thermodynamics-") else ():
            if "marker" in trace and len(trace["x"]):
                symbols = np.atleast_1d(trace["marker"]["symbol"])
                assert all(str(symbol).endswith("-open") for symbol in symbols), plot["id"]


def test_figures_draw_them_hollow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ib_cli.report.figures import laws as figures

    drawn = {}

    def caught(figure: plt.Figure, folder: Path, file: str) -> list[Path]:
        drawn[file] = figure
        return []

    monkeypatch.setattr(figures.style, "write", caught)
    figures.draw(contents(Reader().read([study(tmp_path, *range(7))]), thermodynamics=True), tmp_path)
    for name in ("first_law", "derivatives_of_J", "convexity", "susceptibilities", "free_rate"):
        lines = [line for panel in drawn[f"thermodynamics_{name}"].axes if panel.get_visible() for line in panel.lines]
        marks = [line for line in lines if len(line.get_xdata()) and line.get_linestyle() == "None"]
        assert any(line.get_markerfacecolor() == "white" for line in marks), name
        if name in ("first_law", "derivatives_of_J", "convexity"):  # no line below the marks
            assert all(line.get_markerfacecolor() == "white" for line in marks), name
