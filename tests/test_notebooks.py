"""The notebooks of docs/ run from their first cell to their last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from tests.families import family

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(file.stem for file in FOLDER.glob("*.ipynb"))


def test_there_are_three() -> None:
    assert NOTEBOOKS == ["own_data", "sweep_and_figures", "train_and_look"]


@pytest.mark.parametrize("name", family(NOTEBOOKS, quick=["own_data"]))
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), name, "exec"), names)
    figure = names["figure"]
    assert isinstance(figure, Figure) and all(panel.has_data() for panel in figure.axes)
    plt.close("all")
