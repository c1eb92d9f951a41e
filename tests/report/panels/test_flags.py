"""One rule for all pictures: the least flagged estimator is drawn, and what is flagged or a bound is never solid."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from ib_cli.report.figures import information_plane, style
from ib_cli.report.main import _notes
from ib_cli.report.page.page import page
from ib_cli.report.panels.i_diagrams import diagrams
from ib_cli.report.read.tables import FLAGGED, converted
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import H, write_estimates, write_run

GAMMAS = (1e-3, 1e-2, 1e-1)
WHOLE = {"I[X;Z]": [8.1], "I[Y;Z]": [1.8], "I[X;Y|Z]": [H - 1.8], "I[X;Z|Y]": [6.3], "H[Y|Z]": [H - 1.8]}
WHITE = to_rgba("white")


def study(folder: Path, flagged: dict[str, tuple[float, ...]], **noises: float) -> Path:
    """A run per γ with the same amounts by each estimator, flagged at these γ."""
    for gamma in GAMMAS:
        run = write_run(folder / f"{gamma}", multiplier=gamma)
        for name, at in flagged.items():
            shift = 10.0 if name == "kraskov" else 0.0
            values = WHOLE | {"I[X;Z]": [8.1 + shift], "H[Z|X]": [noises.get(name, 0.5) - (gamma == 1e-3)]}
            write_estimates(run, name, values, flagged=[1] if gamma in at else [])
    return folder


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """What would be written, by name."""
    kept: dict[str, Figure] = {}
    monkeypatch.setattr(style, "write", lambda figure, folder, name: kept.setdefault(name, figure) and [])
    return kept


@pytest.mark.parametrize(
    ("flagged", "drawn"),
    [
        ({"kraskov": (), "mixture": ()}, "mixture"),
        ({"kraskov": (1e-3,), "mixture": (1e-1,)}, "mixture"),  # a tie: kraskov's 18 nats are of noise
        ({"kraskov": (), "mixture": (1e-3,)}, "kraskov"),
        ({"gaussian": (), "kraskov": ()}, "gaussian"),  # the first of the records
    ],
)
def test_the_least_flagged_estimator_is_drawn(
    tmp_path: Path, flagged: dict[str, tuple[float, ...]], drawn: str
) -> None:
    report = contents_of(study(tmp_path, flagged), split="train")
    assert report.plane.estimator == drawn
    assert report.estimated.least_flagged([0, 1, 2], "I[X;Z]", "I[Y;Z]") == drawn
    assert all(title.endswith(drawn) for title in diagrams(report)) and len(diagrams(report)) == 3


def test_of_two_with_as_many_flags_the_tighter_bounds_are_drawn(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    lines = []
    for name, width in (("pairwise", 0.6), ("loose", 1.0), ("tight", 0.2)):
        for quantity in ("I[X;Z]", "I[Y;Z]"):
            ends = {"value": 1.0, "lower": 1.0 - width / 2, "upper": 1.0 + width / 2, "saturated": False}
            lines.append({"epoch": 5, "split": "train", "quantity": quantity, "estimator": name} | ends)
    (run / "estimates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert contents_of(tmp_path, split="train").plane.estimator == "tight"


def test_flagged_ends_of_the_plane_are_hollow(tmp_path: Path, figures: dict[str, Figure]) -> None:
    report = contents_of(study(tmp_path, {"mixture": (1e-3,)}), split="train")
    information_plane.draw(report, tmp_path)
    (panel, *_) = figures["information_plane"].axes
    faces = [tuple(face) for marks in panel.collections if marks.get_zorder() == 3 for face in marks.get_facecolor()]
    assert faces.count(WHITE) == 1 and len(faces) == 3
    legend = figures["information_plane"].legends[0]
    assert [text.get_text() for text in legend.get_texts()][-1] == "flagged: not to be trusted"
    plot = plots_of(report)["information-plane"]
    (symbols,) = [t["marker"]["symbol"] for t in plot["traces"] if isinstance(t.get("marker", {}).get("symbol"), list)]
    assert len(set(symbols)) == 3 and sum(symbol.endswith("-open") for symbol in symbols) == 1
    assert "Hollow: flagged" in plot["note"]


def test_bounds_are_hollow_and_figure_and_page_have_the_same_axes(tmp_path: Path, figures: dict[str, Figure]) -> None:
    for gamma in GAMMAS:
        write_run(tmp_path / f"{gamma}", multiplier=gamma)
    report = contents_of(tmp_path)
    information_plane.draw(report, tmp_path)
    (panel, *_) = figures["information_plane"].axes
    ends = [marks for marks in panel.collections if marks.get_zorder() == 3]
    assert all(tuple(face) == WHITE for marks in ends for face in marks.get_facecolor())
    plot = plots_of(report)["information-plane"]
    assert "Hollow: bound" in plot["note"]
    assert plot["layout"]["xaxis"]["range"] == pytest.approx(panel.get_xlim())
    assert plot["layout"]["yaxis"]["range"] == pytest.approx(panel.get_ylim())


def test_tables_mark_flagged_estimates(tmp_path: Path) -> None:
    report = contents_of(study(tmp_path, {"mixture": (1e-3,)}), split="train")
    name = "train/I[X;Z] (mixture)"
    assert report.results[name + FLAGGED].tolist() == [True, False, False]
    bits = converted(report.results, "bits")
    assert bits[name + FLAGGED].tolist() == [True, False, False]
    assert bits[f"{name} (bits)"].tolist() == pytest.approx([8.1 / math.log(2)] * 3)
    assert "8.100?" in page(report, "study")


def test_the_plane_shows_the_split_that_has_estimates_as_its_sisters_do(
    tmp_path: Path, figures: dict[str, Figure]
) -> None:
    report = contents_of(study(tmp_path, {"mixture": ()}))  # estimates of train alone, in a report on test
    assert report.split == "test" and report.plane.split == report.estimated.split == "train"
    assert report.plane.estimator == "mixture" and not any(report.plane.hollow(run).any() for run in report.plane.paths)
    information_plane.draw(report, tmp_path)
    assert "mixture train estimate" in figures["information_plane"].axes[0].get_xlabel()
    assert plots_of(report)["information-plane"]["title"] == "Information plane, train split"
    assert "the information plane shows estimates on the train split" in _notes(report, "test")
    of_test = contents_of(tmp_path, split="test")
    assert of_test.plane.estimator is None and of_test.plane.split == "test"


def test_what_is_left_out_has_a_note(tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", multiplier=0.5)
    write_estimates(other, "categorical", WHOLE | {"H[Z|X]": [0.0]})
    report = contents_of(study(tmp_path, {"mixture": ()}), split="train")
    assert diagrams(report) == {}
    notes = "; ".join(_notes(report, "train"))
    assert "no I-diagrams: 4 runs with their quantities, but no estimator has them for all runs" in notes


def test_a_functional_of_ones_own_is_converted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("minimise:", "functionals: {Q: my.q}\n  minimise:"))
    result = json.loads((run / "result.json").read_text())
    result["test"]["Q"] = 1.0
    (run / "result.json").write_text(json.dumps(result))
    report = contents_of(tmp_path, units="bits")
    assert report.scale("Q") == pytest.approx(1 / math.log(2))
    assert np.isclose(converted(report.results, "bits", own=report.own)["test/Q (bits)"], 1 / math.log(2)).all()
