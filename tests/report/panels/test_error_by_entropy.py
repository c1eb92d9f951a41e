"""The error rate against the entropy that a latent was scaled to: what is drawn of which runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.figures import error_by_entropy
from ib_cli.report.page.plots import plots
from ib_cli.report.panels.error_by_entropy import error_curves
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run

TARGETS = (20.0, 0.0, -30.0)
ERRORS = {"deterministic": (0.02, 0.01, 0.9), "noisy": (0.02, 0.3, 0.8)}


def scaled(folder: Path, bottleneck: str, status: str = "done", bounds: tuple[float | None, ...] = TARGETS) -> Path:
    """A run with three epochs of these targets, bounds and errors; on test the error is 0.05 larger."""
    write_run(folder, epochs=3, status=status, bottleneck={"_target_": bottleneck})
    lines = []
    for epoch, (nats, bound, error) in enumerate(zip(TARGETS, bounds, ERRORS[bottleneck]), start=1):
        found = {"epoch": epoch, "step": epoch, "log_Var[Z]": bound}
        lines.append(found | {"split": "train", "error": error, "H_target[Z_hat]": nats})
        lines.append(found | {"split": "test", "error": error + 0.05})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_run_has_its_errors_by_its_bounds_on_train_and_on_the_split_of_the_report(tmp_path: Path) -> None:
    scaled(tmp_path / "a", "deterministic")
    scaled(tmp_path / "b", "noisy", bounds=(21.0, 4.0, 0.5))
    found = {(line.curve, line.split): line for line in error_curves(contents_of(tmp_path))}
    names = ("no noise", "bottleneck noisy")
    assert set(found) == {(name, split) for name in names for split in ("train", "test")}
    noisy = found["bottleneck noisy", "train"]
    assert noisy.entropy.tolist() == [21.0, 4.0, 0.5] and noisy.error.tolist() == list(ERRORS["noisy"])
    assert found["bottleneck noisy", "test"].error == pytest.approx(np.array(ERRORS["noisy"]) + 0.05)
    assert [line.split for line in error_curves(contents_of(tmp_path, split="train"))] == ["train", "train"]


def test_the_page_has_the_same_lines_in_the_units_asked_for(tmp_path: Path) -> None:
    scaled(tmp_path / "a", "deterministic")
    report = contents_of(tmp_path, units="bits")
    (plot,) = (each for each in plots(report) if each["id"] == "error-by-entropy")
    train, test = plot["traces"]
    assert train["x"] == pytest.approx(np.array(TARGETS) / np.log(2), rel=1e-4) and train["y"] == [0.02, 0.01, 0.9]
    assert test["name"].endswith("test") and test["y"] == pytest.approx([0.07, 0.06, 0.95])
    assert "bits" in plot["layout"]["xaxis"]["title"]["text"]


def test_an_epoch_without_a_finite_bound_is_left_out(tmp_path: Path) -> None:
    scaled(tmp_path / "a", "deterministic", bounds=(20.0, None, -30.0))
    for line in error_curves(contents_of(tmp_path)):
        assert line.entropy.tolist() == [20.0, -30.0] and len(line.error) == 2


def test_a_run_that_is_not_done_is_drawn_and_one_without_a_target_is_not(tmp_path: Path) -> None:
    scaled(tmp_path / "a", "deterministic", status="failed")
    write_run(tmp_path / "b")
    report = contents_of(tmp_path)
    assert {report.runs[line.run].folder.name for line in error_curves(report)} == {"a"}
    written = error_by_entropy.draw(report, tmp_path)
    assert [file.name for file in written] == ["error_by_entropy.png", "error_by_entropy.pdf"]
    assert error_by_entropy.draw(contents_of(tmp_path / "b"), tmp_path) == []
