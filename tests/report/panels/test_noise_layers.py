"""What a report makes of runs that measured their layers of noise: series, and the figures of which runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.contracts.errors import DamagedError
from ib_cli.report.figures import activations, information_by_width, kl_in_box, kl_maps, style, total_correlation
from ib_cli.report.panels.noise_layers import by_width, correlations, measured, shares
from ib_cli.report.read.noise_layers import noise_layers
from ib_cli.report.write import FIGURES
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run

DRAWN = (activations, information_by_width, kl_in_box, kl_maps, total_correlation)
BETAS = (0.1, 1.0, 10.0)


def arrays(units: int, zeros: int, prior: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    edges = np.linspace(-3, 3, 121)
    return {
        "layers": np.array(["noise_1", "noise_2"]),
        "noise_1/kl": np.ones((units, 4, 4), np.float32),
        "noise_2/kl": np.ones((units, 2, 2), np.float32),
        "noise_1/maps": rng.random((2, 4, 4)),
        "noise_2/maps": rng.random((2, 2, 2)),
        "inputs": rng.integers(0, 256, (2, 1, 8, 8), dtype=np.uint8),
        "numbers": np.array([0, 7]),
        "boxes": np.array([[0, 0, 4, 4], [2, 1, 4, 4]]),
        "activations/layer": np.array("noise_2"),
        "activations/counts": np.full(120, 10),
        "activations/edges": np.linspace(0, 5, 121),
        "activations/log_counts": np.full(120, 10),
        "activations/log_edges": edges,
        "activations/zeros": np.array(zeros),
        "activations/total": np.array(1200 + zeros),
    } | ({"activations/prior": np.array([0.3, 1.2])} if prior else {})


def run(folder: Path, beta: float, seed: int = 0, width: float = 0.25, **options: Any) -> Path:
    """A run at β with TC = 8/β for 32 units, an error of β/100 + seed/1000, and KL of 100 nats in 16 · 8 · width."""
    found = {"_target_": "all_cnn", "width": width, "activation": "softplus"}
    write_run(folder, "beta_vae", beta, seed, architecture=found, name="study")
    result = json.loads((folder / "result.json").read_text())
    result["test"] |= {
        "error": beta / 100 + seed / 1000,
        "box_share_noise_1": 0.3 + beta / 100,
        "KL_noise_1": 100.0,
        "KL_noise_2": 40.0,
    }
    (folder / "result.json").write_text(json.dumps(result))
    line = {"epoch": 5, "split": "test", "estimator": "gaussian", "stderr": 0.1, "saturated": True, "reason": "why"}
    both = [
        line | {"quantity": "TC[noise_2]", "value": 8 / beta},
        line | {"quantity": "TC_per_unit[noise_2]", "value": 8 / beta / 32},
    ]
    (folder / "estimates.jsonl").write_text("".join(json.dumps(each) + "\n" for each in both))
    np.savez(folder / "noise_layers.npz", **arrays(int(8 * width), options.get("zeros", 0), options.get("prior", True)))
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for beta in BETAS:
        for seed in (0, 1):
            run(tmp_path / f"{beta}_{seed}", beta, seed)
    return tmp_path


def test_total_correlation_and_error_against_beta(study: Path) -> None:
    (found,) = correlations(contents_of(study))
    assert found.layer == "noise_2" and found.flagged
    assert found.correlation.x.tolist() == list(BETAS)
    assert found.correlation.y == pytest.approx([80, 8, 0.8]) and found.per_unit.y == pytest.approx([2.5, 0.25, 0.025])
    assert found.error.y == pytest.approx(np.array(BETAS) / 100 + 0.0005)  # the median of two seeds
    assert not correlations(contents_of(study, split="train"))


def test_shares_in_the_box_against_beta(study: Path) -> None:
    report = contents_of(study)
    ((_, layer),) = found = shares(report)
    assert layer == "noise_1"
    (line,) = found.values()
    assert line.y == pytest.approx(0.3 + np.array(BETAS) / 100)
    assert {each.layers.box_fraction for each in measured(report)} == {0.25}


def test_information_against_width_needs_two_widths(tmp_path: Path, study: Path) -> None:
    assert not by_width(contents_of(study))
    for width in (0.25, 0.5, 1.0):
        run(tmp_path / "widths" / str(width), 1.0, width=width)
    found = by_width(contents_of(tmp_path / "widths"))
    whole, of_unit = found["1", "noise_1"]
    assert whole.x.tolist() == [0.25, 0.5, 1.0] and whole.y.tolist() == [100, 100, 100]
    assert of_unit.y == pytest.approx([100 / (16 * 2), 100 / (16 * 4), 100 / (16 * 8)])
    assert found["1", "noise_2"][0].y.tolist() == [40, 40, 40]


@pytest.mark.slow
def test_every_figure_is_drawn(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    run(tmp_path / "wide", 1.0, width=0.5)
    report = contents_of(study, units="bits")
    written = [file.name for figure in DRAWN for file in figure.draw(report, tmp_path)]
    names = ("activations", "information_by_width", "kl_in_box", "kl_maps", "kl_maps_more", "total_correlation")
    assert sorted(written) == sorted(f"{name}.{ending}" for name in names for ending in ("png", "pdf"))
    assert {figure.__name__.rpartition(".")[2] for figure in DRAWN} <= set(FIGURES)


def test_a_relu_has_a_level_prior_and_other_noise_none(tmp_path: Path) -> None:
    run(tmp_path / "relu", 1.0, zeros=800, prior=False)
    report = contents_of(tmp_path)
    assert activations.draw(report, tmp_path)
    (each,) = measured(report)
    assert each.layers.activations is not None and each.layers.activations.prior is None
    assert not kl_in_box.draw(report, tmp_path)  # one β is no curve
    assert not total_correlation.draw(report, tmp_path)


def test_runs_without_these_measures_have_no_such_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "vib", 1e-2)
    report = contents_of(tmp_path)
    assert not [file for figure in DRAWN for file in figure.draw(report, tmp_path)]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_arrays_that_cannot_be_read_are_named(tmp_path: Path, content: bytes) -> None:
    folder = run(tmp_path / "a", 1.0)
    (folder / "noise_layers.npz").write_bytes(content)
    (found,) = contents_of(tmp_path).runs
    with pytest.raises(DamagedError, match=r"noise_layers\.npz cannot be read"):
        noise_layers(found)
