"""Epochs that an axis leaves out are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ib_cli.contracts.labels import label, plain
from ib_cli.report.figures import style, trajectories
from ib_cli.report.panels.trajectories import outside, value_limits
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_run


def line(first: float, epochs: int = 30) -> np.ndarray:
    values = np.linspace(2.0, 1.0, epochs)
    values[:2] = first
    return np.stack([np.arange(1, epochs + 1), values], 1)


def test_an_axis_is_of_all_values_unless_first_ones_would_flatten_the_rest() -> None:
    near, far, deep = line(3.0), line(100.0), line(-50.0)
    assert value_limits([near])[1] > 3 and outside([near], value_limits([near])) == ""
    assert value_limits([far])[1] < 3
    assert outside([far], value_limits([far])) == "epochs 1–2 lie above"
    assert outside([deep], value_limits([deep])) == "epochs 1–2 lie below"
    assert outside([far, deep], value_limits([far, deep])) == "epochs 1–2 lie above and epochs 1–2 lie below"
    assert outside([far[1:]], value_limits([far])) == "epoch 2 lies above"


def test_figure_and_page_tell_the_epochs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", epochs=40)
    lines = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    for one in lines[:4]:
        one["R"] = 1e4
    (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    report = contents_of(tmp_path)
    _, (panel,) = style.new()
    trajectories.paint(report, panel, "R", trajectories.trajectories(report, "R"))
    told = "pochs 1–4 lie above"  # a tenth of the epochs
    assert panel.get_title(loc="right") == f"e{told}"
    assert f"E{told}: double click" in plots_of(report)["trajectory-R"]["note"]
    assert "lie" not in plots_of(report)["trajectory-C"]["note"]


def test_fractions_are_in_per_cent() -> None:
    for name in ("accuracy", "error", "error_noise_off", "nuisance_error", "box_share_noise_1"):
        assert label(name, "nats").endswith("(%)") and plain(name, "bits").endswith("(%)")
    assert label("D_error", "nats").endswith("(nats)") and "(" not in label("perplexity", "nats")
