"""The report as a library: its table, and its figures in axes of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

import ib_cli
from ib_cli.contracts.errors import ConfigError


def test_figures_go_into_the_axes_that_are_given(tmp_path: Path, study: Path) -> None:
    table = ib_cli.results(study)
    assert len(table) > 3 and {"gamma", "test/R"} <= set(table.columns)
    bits = ib_cli.results([study], units="bits")
    assert bits["test/R (bits)"].to_numpy() == pytest.approx(table["test/R"].to_numpy() / 0.6931471805599453)
    figure = Figure(layout="constrained")
    panels = figure.subplots(2, 2).flatten()
    ib_cli.draw_frontier(study, panels[0])
    ib_cli.draw_measure(study, panels[1], "accuracy")
    ib_cli.draw_trajectories(study, panels[2], "R", units="bits")
    ib_cli.draw_information_plane(study, panels[3], split="test")
    assert all(panel.has_data() for panel in panels) and "bits" in panels[2].get_ylabel()
    figure.savefig(tmp_path / "own.png")


def test_what_cannot_be_drawn_is_told(tmp_path: Path, study: Path) -> None:
    panel = Figure().subplots()
    with pytest.raises(ConfigError, match="no frontier of these"):
        ib_cli.draw_frontier(study, panel, "R", "Q")
    with pytest.raises(ConfigError, match=r"^acc: not measured"):
        ib_cli.draw_measure(study, panel, "acc")
    with pytest.raises(ConfigError, match="no such folder"):
        ib_cli.results(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="nats or bits"):
        ib_cli.results(study, units="bans")
