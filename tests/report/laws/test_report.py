"""ib-report --thermodynamics: what it writes and says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ib_cli.report.figures.laws import draw
from ib_cli.report.page.plots import plots
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from ib_cli.report.write import write_tables
from tests.report.conftest import Ended
from tests.report.laws.lawful import write_grid

Command = Callable[..., Ended]
STEPS = [1.0, 1.25, 1.6, 2.0]
LAWS = [{"quantity": "σ", "predicted": 0.1, "measured": 0.11, "stderr": 0.02}]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_grid(tmp_path / "study", {"gamma": STEPS, "sigma": STEPS}, laws=LAWS)


def test_writes_a_table_and_says_what_each_law_came_to(
    ib_report: Command, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ib_cli.report.write.write_figures", lambda contents, folder: [])
    end = ib_report(study, "--thermodynamics")
    assert end.code == 0, end.err
    laws = {"first law", "derivative of J", "Maxwell relation", "susceptibility", "convexity", "free rate", "σ"}
    assert set(pd.read_csv(study / "thermodynamics.csv")["law"]) == laws
    assert "no derivatives by ρ, δ" in end.out and "measured on the train split" in end.out
    assert "law         derivative of J, ∂J/∂γ = C: 8 points" in end.out
    page = (study / "report.html").read_text()
    assert "Laws of thermodynamics" in page and "Laws that runs measured themselves" in page
    write_tables(contents(Reader().read([study])), study)
    assert not (study / "thermodynamics.csv").exists()


@pytest.mark.slow
def test_draws_a_figure_for_each_law(study: Path, tmp_path: Path) -> None:
    files = draw(contents(Reader().read([study]), thermodynamics=True), tmp_path)
    names = ("first_law", "derivatives_of_J", "maxwell", "susceptibilities", "convexity", "free_rate", "recorded")
    assert {file.name for file in files} == {
        f"thermodynamics_{name}.{kind}" for name in names for kind in ("png", "pdf")
    }
    assert all(file.stat().st_size > 0 for file in files)


def test_the_page_has_plots_of_the_laws(study: Path) -> None:
    drawn = [plot for plot in plots(contents(Reader().read([study]), thermodynamics=True)) if "thermo" in plot["id"]]
    assert {plot["section"] for plot in drawn} == {"Thermodynamics"}
    ids = [plot["id"] for plot in drawn]
    assert len(set(ids)) == len(ids) and {"thermodynamics-first-law", "thermodynamics-recorded"} < set(ids)
    for plot in drawn:
        assert any(len(trace["x"]) for trace in plot["traces"])


def test_a_study_of_nothing_to_measure_is_code_2(ib_report: Command, tmp_path: Path) -> None:
    end = ib_report(write_grid(tmp_path / "study", {"gamma": STEPS}, minimise={"R": "unheard"}), "--thermodynamics")
    assert end.code == 2
    assert "no law can be measured" in end.err and end.err.count("\n") == 1


@pytest.mark.usefixtures("without_figures")
def test_what_runs_recorded_is_said_without_a_grid(ib_report: Command, tmp_path: Path) -> None:
    laws = [
        {"law": "zeroth law", "quantity": "σ of A", "predicted": 0.1, "measured": 0.11, "stderr": 0.02},
        {"law": "zeroth law", "quantity": "σ of B", "measured": 0.3},
        {"law": "twice", "quantity": "", "predicted": 1.0, "measured": 2.0},
        {"law": "twice", "quantity": "", "predicted": 1.0, "measured": 2.0},
    ]
    study = write_grid(tmp_path / "study", {"gamma": [1.0]}, minimise={"R": 1, "S/N": "sigma"}, laws=laws)
    for file in study.glob("*/result.json"):
        result = json.loads(file.read_text())
        result["train"] = {"J": 1.0}
        file.write_text(json.dumps(result))
    end = ib_report(study, "--thermodynamics")
    assert end.code == 0, end.err
    assert "no law can be measured" not in end.out
    assert "4 lines that runs wrote themselves, from thermodynamics.jsonl" in end.out
    assert "law         zeroth law, σ of A: predicted 0.1, measured 0.11 ± 0.02\n" in end.out
    assert "law         zeroth law, σ of B: measured 0.3\n" in end.out
    assert "law         twice: 2 recorded, relative difference 0.5 (median)\n" in end.out
    assert "measured on the train split, in nats" not in end.out
