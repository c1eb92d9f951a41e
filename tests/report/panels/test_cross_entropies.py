"""Decoder uncertainty and cross-entropies over the epochs: what is drawn are the records' values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ib_cli.report.figures import cross_entropies, style
from ib_cli.report.page.plots import plots
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.cross_entropies import bands
from ib_cli.report.write import write_figures
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run

BASE = {"H[Y|Z]": 0.3, "H_model[Y|Z]": 0.4, "H_model[Y|X]": 0.2}
EPOCHS, SEEDS = 4, 3


def write(folder: Path, size: int = 8, factor: float = 1.0, lacking: str = "", gamma: float = 1e-2) -> Path:
    """Runs of three seeds whose measures on train are factor · base · (1 + seed) / epoch; twice that on test."""
    for seed in range(SEEDS):
        run = write_run(
            folder / f"{size}-{gamma}-{seed}", multiplier=gamma, seed=seed, epochs=EPOCHS, bottleneck={"size": size}
        )
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for line in lines:
            scale = factor * (1 + seed) / line["epoch"] * (2 if line["split"] == "test" else 1)
            line |= {name: value * scale for name, value in BASE.items() if name != lacking}
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def on_page(report: Contents) -> list[dict]:
    return [plot for plot in plots(report) if plot["id"].startswith("cross-entropies")]


@pytest.mark.parametrize(("split", "twice"), [("train", 1), ("test", 2)])
def test_medians_and_ranges_over_the_seeds(tmp_path: Path, split: str, twice: int) -> None:
    (found,) = bands(contents_of(write(tmp_path / "s"), split=split))
    assert found.epochs.tolist() == [1, 2, 3, 4] and found.multipliers == {}
    for name, band in found.values.items():
        expected = twice * BASE[name] * np.array([[1.0], [2.0], [3.0]]) / found.epochs  # the range of three
        assert band == pytest.approx(expected)


def test_the_figure_and_the_page_draw_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = contents_of(write(tmp_path / "a"), write(tmp_path / "b", size=9, factor=2.0), split="train", units="bits")
    figures: list[Figure] = []
    monkeypatch.setattr(style, "write", lambda figure, folder, name: figures.append(figure) or [])
    cross_entropies.draw(report, tmp_path)
    (figure,) = figures
    assert [panel.get_title() for panel in figure.axes] == ["K = 8", "K = 9"]
    for panel, plot, factor in zip(figure.axes, on_page(report), (1.0, 2.0)):
        medians = [factor * value * 2 / np.arange(1, EPOCHS + 1) / math.log(2) for value in BASE.values()]
        lines = [trace for trace in plot["traces"] if "name" in trace]
        assert [line.get_ydata().tolist() for line in panel.lines] == [pytest.approx(each) for each in medians]
        assert [trace["y"] for trace in lines] == [pytest.approx(each, rel=1e-4) for each in medians]
        assert [trace["name"].split()[-1] for trace in lines] == list(BASE)
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[0].get_yscale() == "log"  # over more than a decade


def test_points_of_a_sweep_have_panels_of_their_own(tmp_path: Path) -> None:
    for gamma in (1e-2, 1e-1):
        write(tmp_path / "s", gamma=gamma)
    titles = [plot["title"] for plot in on_page(contents_of(tmp_path / "s", split="train"))]
    assert titles == ["Cross-entropies, VIB, γ = 0.01", "Cross-entropies, VIB, γ = 0.1"]


@pytest.mark.parametrize("lacking", BASE)
def test_without_one_of_the_three_nothing_is_drawn(tmp_path: Path, lacking: str) -> None:
    report = contents_of(write(tmp_path / "s", lacking=lacking), split="train")
    assert on_page(report) == [] and cross_entropies.draw(report, tmp_path) == []


def test_runs_of_one_evaluation_or_too_many_points_are_no_picture(tmp_path: Path) -> None:
    for run in write(tmp_path / "s").iterdir():
        lines = (run / "metrics.jsonl").read_text().splitlines()
        (run / "metrics.jsonl").write_text("\n".join(lines[-2:]) + "\n")
    assert bands(contents_of(tmp_path / "s")) == []
    for i in range(13):
        write(tmp_path / "many", gamma=10.0 ** (-3 + i / 13))
    assert bands(contents_of(tmp_path / "many")) == []


def test_the_report_writes_the_figure(tmp_path: Path, only_figures: Callable[..., None]) -> None:
    only_figures("cross_entropies")
    files = {
        file.name for file in write_figures(contents_of(write(tmp_path / "s"), split="train"), tmp_path / "figures")
    }
    assert {"cross_entropies.png", "cross_entropies.pdf"} <= files
    (tmp_path / "vib").mkdir()
    write_run(tmp_path / "vib" / "run")
    write_figures(contents_of(tmp_path / "vib"), tmp_path / "figures")
    assert not (tmp_path / "figures" / "cross_entropies.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("study", ["unpacking_fig3_mnist", "unpacking_fig3_mnist_small"])
def test_the_studies_leave_what_is_drawn(ib_train: Callable, study: str) -> None:
    few = ("dataset=digits", "dataset.train_size=200", "dataset.test_size=100", "architecture.widths=[16]")
    short = ("epochs=2", "evaluate_every=1", "batch_size=50", "seed=0,1", "device=cpu", "figures=false", "name=study")
    ended = ib_train(f"sweep={study}", *few, *short)
    assert ended.code == 0 and "6 done" in ended.out
    found = {each.curve: each for each in bands(contents_of(Path("outputs/study"), split="train"))}
    assert found.keys() == {"decoder uncertainty", "decoder cross-entropy", "prediction cross-entropy"}
    for each in found.values():
        uncertainty, decoder, prediction = each.values.values()
        assert (uncertainty <= decoder + 1e-6).all() and (prediction <= decoder + 1e-6).all()
    optimal = found["decoder uncertainty"].values
    assert optimal["H[Y|Z]"] == pytest.approx(optimal["H_model[Y|Z]"], abs=1e-5)
