"""What the tests of the report share: a command, and a study on a known frontier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from matplotlib.figure import Figure

from ib_cli.report.figures import style
from ib_cli.report.main import main
from ib_cli.report.write import FIGURES
from tests.report.synthetic import write_study


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of few dots, which are as quick to look at and quicker to make."""
    monkeypatch.setattr(style, "DPI", 60)


@pytest.fixture
def only_figures(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has reports draw these figures alone, for tests that are about them."""

    def choose(*names: str) -> None:
        monkeypatch.setattr("ib_cli.report.write.FIGURES", {name: FIGURES[name] for name in names})

    return choose


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that are laid out and drawn but not saved, for tests of whether they can be: files take half the time."""

    def draw(figure: Figure, folder: Path, name: str) -> list[Path]:
        figure.draw_without_rendering()
        return [folder / f"{name}.png"]

    monkeypatch.setattr(style, "write", draw)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports that draw no figures, for tests of what is said: they take most of a report's time."""
    monkeypatch.setattr("ib_cli.report.write.write_figures", lambda contents, folder: [])


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def ib_report(capsys: pytest.CaptureFixture) -> Callable[..., Ended]:
    """Calls ib-report in this process."""

    def call(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = 0
        try:
            main([str(word) for word in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Five multipliers, three seeds, on C = H exp(−R/a) without noise."""
    return write_study(tmp_path / "outputs" / "study", multipliers=[1e-3, 1e-2, 3e-2, 1e-1, 3e-1])
