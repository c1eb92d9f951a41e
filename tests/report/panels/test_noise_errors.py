"""Errors of networks with layers of noise: means over seeds by width and by β, and which runs they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ib_cli.report.figures import error_by_width, nuisance_error, style
from ib_cli.report.panels.noise_errors import FRACTION, UNITS, errors_by_beta, errors_by_width, means
from ib_cli.report.write import FIGURES
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run


def run(folder: Path, noise: str, widths: Any, beta: float = 1.0, seed: int = 0, **measures: float) -> Path:
    """A run with noise at β that measured these; `widths`: a list of a perceptron's, or a fraction of the filters."""
    kind = {"widths": widths} if isinstance(widths, list) else {"width": widths}
    write_run(folder, "beta_vae", beta, seed, architecture={"_target_": "net", **kind})
    with (folder / "config.yaml").open("a") as file:
        file.write(f"noise: {{_target_: {noise}}}\n")
    result = json.loads((folder / "result.json").read_text())
    result["test"] |= measures
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def widths(tmp_path: Path) -> Path:
    """Errors of two widths and three seeds: 0.1, 0.2, 0.3; half of these with binary noise that is off."""
    for width in (25, 50):
        for seed in range(3):
            error = 0.1 * (seed + 1)
            run(tmp_path / f"none_{width}_{seed}", "none", [width] * 3, seed=seed, error=error)
            both = {"error": error, "error_noise_off": error / 2}
            run(tmp_path / f"binary_{width}_{seed}", "binary", [width] * 3, seed=seed, **both)
    return tmp_path


def test_a_mean_and_its_standard_error() -> None:
    found = means([(2.0, 1.0), (1.0, 0.1), (1.0, 0.2), (1.0, 0.3)])
    assert found.x.tolist() == [1, 2] and found.y == pytest.approx([0.2, 1.0]) and found.runs.tolist() == [3, 1]
    assert found.error == pytest.approx([0.1 / 3**0.5, 0])  # the deviation of 0.1, 0.2, 0.3 is 0.1


def test_errors_by_width_in_each_mode(widths: Path) -> None:
    counted, found = errors_by_width(contents_of(widths))
    assert counted == UNITS and list(found) == ["error", "error_noise_off"]
    on, off = found["error"], found["error_noise_off"]
    assert on["no noise"].y == pytest.approx([0.2, 0.2]) and on["binary dropout"].y == pytest.approx([0.2, 0.2])
    assert off["binary dropout"].y == pytest.approx([0.1, 0.1]) and off["no noise"].y == pytest.approx([0.2, 0.2])
    assert off["no noise"].x.tolist() == [25, 50] and on["binary dropout"].runs.tolist() == [3, 3]


def test_a_kind_of_noise_is_named_with_beta_where_its_runs_differ_in_it(widths: Path) -> None:
    for beta in (0.3, 3.0):
        run(widths / f"information_{beta}", "information", [25] * 3, beta, error=0.5, error_noise_off=0.4)
    _, found = errors_by_width(contents_of(widths))
    information = ["information dropout, β = 0.3", "information dropout, β = 3"]
    assert list(found["error"]) == ["no noise", "binary dropout", *information]


def test_filters_count_where_the_network_is_convolutional(tmp_path: Path) -> None:
    for noise in ("binary", "information"):
        for width in (0.25, 1.0):
            run(tmp_path / f"{noise}{width}", noise, width, error=0.2, error_noise_off=0.1, error_noise_off_bn=0.1)
    counted, found = errors_by_width(contents_of(tmp_path))
    assert counted == FRACTION and list(found) == ["error", "error_noise_off", "error_noise_off_bn"]


def test_one_width_or_one_kind_of_noise_is_no_comparison(tmp_path: Path) -> None:
    run(tmp_path / "a", "binary", [25] * 3, error=0.1)
    run(tmp_path / "b", "none", [25] * 3, error=0.1)
    run(tmp_path / "c", "binary", [25, 50, 25], error=0.1)  # layers that differ have no one width
    assert errors_by_width(contents_of(tmp_path)) == ("", {})
    run(tmp_path / "only" / "a", "binary", [25] * 3, error=0.1)
    run(tmp_path / "only" / "b", "binary", [50] * 3, error=0.1)
    assert errors_by_width(contents_of(tmp_path / "only")) == ("", {})


def test_errors_by_beta_are_those_of_probed_runs(tmp_path: Path) -> None:
    for beta in (0.1, 1.0, 10.0):
        found = {"error": 0.3, "error_noise_off": 0.2, "nuisance_error": 0.1 * beta, "KL_noise_1": 5.0}
        run(tmp_path / f"{beta}", "information", 0.25, beta, **found)
    run(tmp_path / "unprobed", "information", 0.25, 100.0, error=0.9)
    found = errors_by_beta(contents_of(tmp_path))
    assert list(found) == ["error", "error_noise_off", "nuisance_error"]
    assert found["nuisance_error"].x.tolist() == [0.1, 1, 10] == found["error"].x.tolist()
    assert found["nuisance_error"].y == pytest.approx([0.01, 0.1, 1])


def test_both_figures_are_drawn_and_only_where_there_is_something(
    widths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    report = contents_of(widths)
    assert [file.name for file in error_by_width.draw(report, tmp_path)] == ["error_by_width.png", "error_by_width.pdf"]
    assert not nuisance_error.draw(report, tmp_path)
    probed = tmp_path / "probed"
    for beta in (0.1, 1.0):
        run(probed / f"{beta}", "information", 0.25, beta, error=0.3, nuisance_error=0.2, nuisance_error_noise_off=0.1)
    report = contents_of(probed)
    assert [file.name for file in nuisance_error.draw(report, tmp_path)] == ["nuisance_error.png", "nuisance_error.pdf"]
    assert not error_by_width.draw(report, tmp_path)
    assert {"error_by_width", "nuisance_error"} <= set(FIGURES)


def test_widths_are_written_in_full_and_errors_that_differ_widely_have_one_logarithmic_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(style, "write", lambda figure, *_: drawn.append(figure) or [])
    for bad, folder in ((0.3, tmp_path / "near"), (0.9, tmp_path / "wide")):
        for width in (0.0625, 0.125):
            run(folder / f"binary{width}", "binary", width, error=bad, error_noise_off=0.2)
            run(folder / f"information{width}", "information", width, error=0.15, error_noise_off=0.12)
        error_by_width.draw(contents_of(folder), tmp_path)
    for figure, scale in zip(drawn, ("linear", "log"), strict=True):
        panels = figure.axes
        assert [panel.get_yscale() for panel in panels] == [scale] * 2
        assert panels[0].get_ylim() == panels[1].get_ylim()
        assert [label.get_text() for label in panels[0].get_xticklabels()] == ["6.25%", "12.5%"]
        assert not any(container.has_yerr for container in panels[0].containers)  # one run of each
