"""Lower bounds of autoencoders: which runs have them, and the table that is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ib_cli.report.figures import lower_bound, style
from ib_cli.report.panels.lower_bounds import lower_bounds
from ib_cli.report.write import FIGURES
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run


def run(folder: Path, rate: str, units: int, beta: float = 1.0, seed: int = 0, **measures: float) -> Path:
    """A run that minimises D + β times `rate`, whose z has so many units."""
    parts: dict[str, Any] = {"architecture": {"widths": [64]}, "bottleneck": {"size": units}}
    if rate == "KL":
        parts = {"architecture": {"widths": [64, units]}, "bottleneck": {"size": None}}
    write_run(folder, "beta_vae", beta, seed, **parts)
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("    R: beta\n", f"    {rate}: beta\n"))
    result = json.loads((folder / "result.json").read_text())
    result["test"] = measures
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for seed, D in ((0, 80.0), (1, 82.0)):
        run(tmp_path / f"gaussian_{seed}", "R", 32, seed=seed, D=D, R=20.0)
    run(tmp_path / "gaussian_large", "R", 64, D=78.0, R=21.0)
    run(tmp_path / "information", "KL", 32, D=81.0, KL=19.0)
    run(tmp_path / "other_beta", "KL", 64, beta=3.0, D=90.0, KL=5.0)  # bounds nothing in these units
    return tmp_path


def test_bounds_by_the_size_of_z(study: Path) -> None:
    found = lower_bounds(contents_of(study))
    gaussian, information = found["Gaussian"], found["Information Dropout"]
    assert gaussian.x.tolist() == [32, 64] and gaussian.y == pytest.approx([-101, -99])
    assert gaussian.error == pytest.approx([1, 0]) and gaussian.runs.tolist() == [2, 1]
    assert information.x.tolist() == [32] and information.y == pytest.approx([-100])


def test_one_kind_of_noise_has_no_table(tmp_path: Path) -> None:
    run(tmp_path / "a", "R", 32, D=80.0, R=20.0)
    assert not lower_bounds(contents_of(tmp_path)) and not lower_bound.draw(contents_of(tmp_path), tmp_path)


def test_the_table_is_drawn(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    written = lower_bound.draw(contents_of(study, units="bits"), tmp_path)
    assert [file.name for file in written] == ["lower_bound.png", "lower_bound.pdf"] and "lower_bound" in FIGURES
