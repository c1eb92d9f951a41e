"""Estimates along training: residual information with its saturation curve, and entropies over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from ib_cli.contracts.labels import label, mathtext
from ib_cli.functionals import functionals
from ib_cli.report.figures import entropies as entropies_figure
from ib_cli.report.figures import residual_plane, style
from ib_cli.report.page.page import page
from ib_cli.report.panels import entropies
from ib_cli.report.panels import residual_plane as residual
from ib_cli.report.panels.residual_plane import PRESERVED, RESIDUAL, SHARED
from ib_cli.report.write import write_figures
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import H, write_estimates, write_run

GAMMAS = (1e-3, 1e-2, 1e-1, 1.0)
ENDS = ((6.0, 0.0), (3.0, 0.2), (3.5, 0.18), (0.0, H))  # of these γ: I[X;Z] and I[X;Y|Z] after the last of three epochs
ON_CURVE = ((0.0, H), (3.0, 0.2), (6.0, 0.0))  # the third lies above the line from the second to the first


def plane(x: float, y: float) -> dict[str, list[float]]:
    """Three epochs that end at (x, y), with I[Y;Z] = H − I[X;Y|Z]."""
    residuals = [H, (H + y) / 2, y]
    return {PRESERVED: [x / 2, 2 * x, x], RESIDUAL: residuals, SHARED: [H - value for value in residuals]}


def of_entropies(x: float) -> dict[str, list[float]]:
    return {"H[Z]": [x / 2, 2 * x, x], "H[Z|Y]": [x / 4, x, x / 2], "H[Z|X]": [-1e-6] * 3}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two curves of four γ, which kraskov places 10 nats farther right than mixture, and flags at the end."""
    for size in (8, 32):
        for gamma, (x, y) in zip(GAMMAS, ENDS):
            run = write_run(tmp_path / "study" / f"{size}_{gamma}", multiplier=gamma, bottleneck={"size": size})
            write_estimates(run, "mixture", plane(x, y) | of_entropies(x))
            write_estimates(run, "kraskov", plane(x + 10, y) | of_entropies(x + 10), flagged=[3])
    return tmp_path / "study"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """What would be written, by name."""
    kept: dict[str, Figure] = {}
    monkeypatch.setattr(style, "write", lambda figure, folder, name: kept.setdefault(name, figure) and [])
    return kept


def test_a_panel_for_each_estimator_and_curve_has_the_values_of_the_records(study: Path) -> None:
    rows = residual.panels(contents_of(study))
    assert [[(panel.estimator, panel.curve) for panel in row] for row in rows] == [
        [(name, f"K = {size}") for size in (32, 8)] for name in ("mixture", "kraskov")
    ]
    report = contents_of(study)
    for row, shift in zip(rows, (0, 10)):
        for panel in row:
            found = {report.runs[run].multipliers["gamma"]: path for run, path in panel.paths.items()}
            assert set(found) == set(GAMMAS)
            for gamma, (x, y) in zip(GAMMAS, ENDS):
                expected = plane(x + shift, y)
                assert found[gamma].epochs.tolist() == [1, 2, 3]
                assert found[gamma].values.tolist() == list(map(list, zip(expected[PRESERVED], expected[RESIDUAL])))
                assert found[gamma].flagged.tolist() == [False, False, shift > 0]


def test_the_saturation_curve_is_the_lower_convex_hull_of_the_ends(study: Path) -> None:
    write_run(study / "late", status="unfinished", multiplier=0.5, bottleneck={"size": 8})
    write_estimates(study / "late", "mixture", plane(0.0, 0.0))  # would be below all, but has not ended
    for row, shift in zip(residual.panels(contents_of(study)), (0, 10)):
        for panel in row[:2]:
            assert panel.saturation == pytest.approx(np.array([] if shift else ON_CURVE).reshape(-1, 2))  # flagged
        assert row[2].curve == "VIB" and row[2].saturation.shape == (0, 2)  # of which of the two curves, nobody knows


def test_the_saturation_curve_is_level_from_its_least_end_on(tmp_path: Path) -> None:
    for gamma, end in ((1.0, (0.5, 1.5)), (0.1, (2.0, 0.1)), (0.01, (6.0, 0.2))):
        write_estimates(write_run(tmp_path / f"{gamma}", multiplier=gamma), "mixture", plane(*end))
    ((panel,),) = residual.panels(contents_of(tmp_path))
    assert panel.saturation == pytest.approx(np.array([(0.5, 1.5), (2.0, 0.1), (6.0, 0.1)]))


def test_one_end_makes_no_saturation_curve(tmp_path: Path) -> None:
    write_estimates(write_run(tmp_path / "run"), "mixture", plane(*ENDS[0]))
    ((panel,),) = residual.panels(contents_of(tmp_path))
    assert panel.saturation.shape == (0, 2)


def test_nothing_lies_below_what_x_tells_of_y_less_what_z_keeps_of_x(study: Path) -> None:
    for panel in (panel for row in residual.panels(contents_of(study)) for panel in row):
        assert panel.relevant == pytest.approx(H)
        assert residual.floor(panel, np.array([-1.0, 20.0])) == pytest.approx(
            np.array([(-1, H), (0, H), (H, 0), (20, 0)])
        )
        assert residual.floor(panel, np.array([0.0, 1.0])) == pytest.approx(np.array([(0, H), (1, H - 1)]))


def test_runs_of_several_i_x_y_have_no_common_floor(study: Path) -> None:
    other = {name: [value + 1 for value in values] for name, values in plane(1.0, 1.0).items()}
    write_estimates(write_run(study / "run", multiplier=0.3, bottleneck={"size": 8}), "mixture", other)
    (_, eight), _ = residual.panels(contents_of(study))
    assert eight.relevant is None and residual.floor(eight, np.array([0.0, 1.0])).shape == (0, 2)


def test_the_plane_on_the_page_has_the_units_and_hollow_ends_where_flagged(study: Path) -> None:
    plot = plots_of(contents_of(study, units="bits"))["residual-plane"]
    assert plot["height"] == 600 and plot["layout"]["grid"]["rows"] == plot["layout"]["grid"]["columns"] == 2
    assert plot["layout"]["xaxis3"]["title"]["text"] == "I[X;Z], kraskov (bits)"
    marks = {
        trace["xaxis"]: trace for trace in plot["traces"] if isinstance(trace.get("marker", {}).get("symbol"), list)
    }
    for axis, shift, hollow in (("x1", 0, False), ("x2", 0, False), ("x3", 10, True)):
        symbols = marks[axis]["marker"]["symbol"]  # a form for each multiplier
        assert len(set(symbols)) == len(symbols) and all(symbol.endswith("-open") == hollow for symbol in symbols)
        assert sorted(marks[axis]["x"]) == pytest.approx(sorted((x + shift) / math.log(2) for x, _ in ENDS), rel=1e-4)
    dashed = [trace for trace in plot["traces"] if trace.get("line", {}).get("color") == "#000"]
    assert [len(trace["x"]) for trace in dashed] == [3, 3, 0, 0]  # kraskov's ends are flagged
    assert dashed[0]["y"] == pytest.approx([y / math.log(2) for _, y in ON_CURVE], rel=1e-4)


def test_the_figure_of_the_plane_draws_the_same(study: Path, figures: dict[str, Figure]) -> None:
    report = contents_of(study)
    assert residual_plane.draw(report, study) == []
    panels = figures["residual_plane"].axes[:4]
    assert [panel.get_title() for panel in panels] == ["K = 32", "K = 8", "", ""]
    for panel, shift in zip(panels, (0, 0, 10, 10)):
        curve = next(line for line in panel.lines if line.get_color() == "black")
        assert np.stack(curve.get_data(), 1) == pytest.approx(np.array([] if shift else ON_CURVE).reshape(-1, 2))
        ends = [marks for marks in panel.collections if marks.get_zorder() == 3]  # one of each multiplier's form
        assert {tuple(at) for marks in ends for at in marks.get_offsets()} == {(x + shift, y) for x, y in ENDS}
        faces = [tuple(face) for marks in ends for face in marks.get_facecolor()]
        assert (to_rgba("white") in faces) == (shift > 0)
        (low, high), (bottom, top) = panel.get_xlim(), panel.get_ylim()
        assert low <= 0 and high > 2 * (6 + shift) and bottom < 0 and top > H


def test_entropies_are_those_of_the_records_dotted_where_flagged(study: Path, figures: dict[str, Figure]) -> None:
    report = contents_of(study)
    rows = entropies.panels(report)
    names = [(name, entropy) for name in ("mixture", "kraskov") for entropy in ("H[Z]", "H[Z|Y]")]
    assert [(row[0].estimator, row[0].quantity) for row in rows] == names  # H[Z|X] is 0 up to rounding
    entropies_figure.draw(report, study)
    whole, trusted, *_ = figures["entropies"].axes[4].collections  # H[Z] by kraskov
    for run, line, solid in zip(rows[2][0].paths, whole.get_segments(), trusted.get_segments()):
        (x, _) = ENDS[GAMMAS.index(report.runs[run].multipliers["gamma"])]
        expected = np.stack([[1, 2, 3], of_entropies(x + 10)["H[Z]"]], 1)
        assert line == pytest.approx(expected) and solid == pytest.approx(expected[:2])
    plot = plots_of(report)["entropies"]
    values = [value for trace in plot["traces"] if trace.get("xaxis") == "x5" for value in trace["y"]]
    assert values.count(None) > 8 and max(value for value in values if value) == 32


def test_noise_with_an_entropy_has_a_row_of_its_own(study: Path) -> None:
    run = write_run(study / "run", multiplier=0.3, bottleneck={"size": 8})
    write_estimates(run, "mixture", of_entropies(1.0) | {"H[Z|X]": [-3.0, -2.0, -1.0]})
    *_, last = entropies.panels(contents_of(study))
    assert {(panel.estimator, panel.quantity) for panel in last} == {("mixture", "H[Z|X]")}


def test_nothing_is_drawn_without_estimates_or_of_another_split(study: Path, tmp_path: Path) -> None:
    plain = write_run(tmp_path / "plain" / "run").parent
    for report in (contents_of(plain), contents_of(study, split="test")):
        assert not {"residual-plane", "entropies"} & set(plots_of(report))
        assert not residual_plane.draw(report, tmp_path) and not entropies_figure.draw(report, tmp_path)


def test_estimates_of_the_last_epoch_alone_make_a_plane_but_no_path(
    tmp_path: Path, only_figures: Callable[..., None]
) -> None:
    only_figures("residual_plane", "entropies")
    for gamma, (x, y) in zip(GAMMAS, ENDS):
        run = write_run(tmp_path / f"{gamma}", multiplier=gamma)
        write_estimates(run, "mixture", {name: values[-1:] for name, values in (plane(x, y) | of_entropies(x)).items()})
    found = plots_of(contents_of(tmp_path))
    assert "residual-plane" in found and "entropies" not in found
    assert write_figures(contents_of(tmp_path), tmp_path / "figures")
    assert {file.stem for file in (tmp_path / "figures").glob("*.png")} & {"residual_plane", "entropies"} == {
        "residual_plane"
    }


def test_an_estimate_without_a_value_is_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_estimates(run, "mixture", plane(*ENDS[0]))
    write_estimates(run, "kraskov", plane(*ENDS[0]) | {PRESERVED: [None, None, None]})
    write_estimates(run, "binned", plane(*ENDS[0]) | {RESIDUAL: [1.0, None, 0.5]})
    rows = {row[0].estimator: row[0].paths[0].epochs.tolist() for row in residual.panels(contents_of(tmp_path))}
    assert rows == {"mixture": [1, 2, 3], "binned": [1, 3]}


@pytest.mark.slow
@pytest.mark.usefixtures("unsaved")
def test_what_an_estimator_lacks_of_a_curve_is_an_empty_panel(study: Path, tmp_path: Path) -> None:
    run = write_run(study / "run", multiplier=0.3, bottleneck={"size": 8})
    write_estimates(run, "binned", plane(1.0, 1.0) | of_entropies(1.0))
    write_estimates(run, "gaussian", {PRESERVED: [1.0], RESIDUAL: [None, 1.0]})  # never both
    *_, last = residual.panels(contents_of(study))
    assert [(panel.estimator, len(panel.paths)) for panel in last] == [("binned", 0), ("binned", 1)]
    assert plots_of(contents_of(study))["residual-plane"]["layout"]["grid"]["rows"] == 3
    assert residual_plane.draw(contents_of(study), tmp_path) and entropies_figure.draw(contents_of(study), tmp_path)


def test_runs_that_are_not_done_go_with_their_objective(study: Path) -> None:
    for status in ("unfinished", "failed"):
        run = write_run(study / status, "beta_vae", status=status, multiplier=0.3)
        write_estimates(run, "mixture", plane(1.0, 1.0))
    first, _ = residual.panels(contents_of(study))
    assert [(panel.curve, len(panel.paths)) for panel in first][-1] == ("β-VAE", 2)
    symbols = [
        trace["marker"]["symbol"]
        for trace in plots_of(contents_of(study))["residual-plane"]["traces"]
        if trace.get("xaxis") == "x3" and isinstance(trace.get("marker", {}).get("symbol"), list)
    ]
    assert symbols == [["x", "x"]]


def test_the_page_has_both_in_panels_over_its_whole_width(study: Path) -> None:
    text = page(contents_of(study), "study")
    assert 'id="residual-plane" style="height: 600px"' in text and 'id="entropies" style="height: 1200px"' in text
    assert text.count('<div class="plot wide">') == 2


@pytest.mark.parametrize("symbol", [*functionals(), PRESERVED, RESIDUAL, SHARED, "H_model[Y|Z]"])
def test_every_measure_is_set_as_mathematics(symbol: str) -> None:
    text = mathtext(symbol)
    if symbol != "S/N":
        assert text[0] == text[-1] == "$" and "_Var" not in text
        MathTextParser("path").parse(text)
    assert text in label(symbol, "nats")


def test_colours_are_those_of_the_multiplier(study: Path, figures: dict[str, Figure]) -> None:
    report = contents_of(study)
    residual_plane.draw(report, study)
    lines = figures["residual_plane"].axes[0].collections[0]
    gammas = [report.runs[run].multipliers["gamma"] for run in residual.panels(report)[0][0].paths]
    assert [to_hex(colour) for colour in lines.get_colors()] == report.colours.hexes(np.array(gammas))
