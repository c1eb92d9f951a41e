"""Figure 5's twin: what a geodesic transfer of MNIST's digits 0–4 to 5–9 must show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

LOST = 0.03  # of accuracy, on the way
SHORT = 0.01  # of the accuracy of training from scratch, at the end


def paths(study: Path) -> dict[str, list[dict[str, float]]]:
    """The lines of the test split along each path, by its procedure."""
    found = {}
    for config in study.glob("*/config.yaml"):
        text = config.read_text()
        name = "geodesic" if "\n  slope: " in text else "scratch" if "\n  start: scratch" in text else "direct"
        lines = map(json.loads, (config.parent / "metrics.jsonl").read_text().splitlines())
        found[name] = [line for line in lines if line["split"] == "test" and "path_step" in line]
    return found


@pytest.mark.slow
def test_accuracy_stays_along_the_geodesic_and_ends_near_training_from_scratch(
    ib_train: Callable, tmp_path: Path, real_data: str
) -> None:
    ended = ib_train(
        "sweep=free_energy_fig5_small", f"dataset.root={real_data}", f"output={tmp_path}", "estimators=none"
    )
    assert ended.code == 0, ended.err
    accuracies = {
        name: [line["accuracy"] for line in lines] for name, lines in paths(tmp_path / "free_energy_fig5_small").items()
    }
    geodesic, direct, scratch = (accuracies[name] for name in ("geodesic", "direct", "scratch"))
    assert min(geodesic) > geodesic[0] - LOST
    assert geodesic[-1] > scratch[-1] - SHORT
    assert direct[0] < 0.1  # the labels are new to it
    assert len(geodesic) == len(direct) == len(scratch)
