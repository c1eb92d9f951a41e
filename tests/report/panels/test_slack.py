"""The slack of TherML's bounds against the multiplier: a panel of a figure, and a plot of the page, for each bound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ib_cli.report.figures import slack, style
from ib_cli.report.page.sweep_plots import measures
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from tests.report.laws.lawful import write_grid


def with_slack(found: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
    found |= {"slack_R": 0.1 / multipliers["gamma"], "slack_C": 0.02, "KL[P|Q]": 0.3}


def test_each_bound_has_a_panel_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = write_grid(tmp_path / "study", {"gamma": [1.0, 2.0, 4.0]}, disturb=with_slack)
    report = contents(Reader().read([study]))
    assert report.swept_slacks == ["slack_R", "slack_C"]
    drawn: list[Any] = []
    monkeypatch.setattr(style, "write", lambda figure, folder, name: drawn.append((figure, name)) or [])
    slack.draw(report, tmp_path)
    ((figure, name),) = drawn
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert name == "slack" and len(panels) == 2
    assert "I(Z;X" in panels[0].get_ylabel() and "H[Y" in panels[1].get_ylabel()
    assert any(set(line.get_ydata()) == {0.0} for line in panels[0].lines)  # where the bound is tight
    plots = {plot["id"]: plot for plot in measures(report)}
    assert plots["measure-slack_R"]["traces"][0]["y"] == pytest.approx([0.1, 0.05, 0.025])


def test_what_is_asked_for_is_not_drawn_twice(tmp_path: Path) -> None:
    study = write_grid(tmp_path / "study", {"gamma": [1.0, 2.0]}, disturb=with_slack)
    report = contents(Reader().read([study]), metrics=["slack_R"])
    assert report.swept_slacks == ["slack_C"] and report.swept_metrics == ["slack_R"]


def test_runs_without_a_slack_have_no_figure(tmp_path: Path) -> None:
    study = write_grid(tmp_path / "study", {"gamma": [1.0, 2.0]})
    assert slack.draw(contents(Reader().read([study])), tmp_path) == []
