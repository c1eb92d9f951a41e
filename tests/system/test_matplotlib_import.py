"""Pictures whatever a notebook's environment or a file of settings says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.families import family

DRAW = """
import sys
from ib_cli.system.matplotlib_import import default_style, import_matplotlib
with default_style():
    from matplotlib.figure import Figure
    figure = Figure(layout="constrained")
    figure.subplots().set_title("$x$ and words")
    figure.savefig(sys.argv[1])
print(import_matplotlib().rcParams["text.usetex"])
"""


@pytest.mark.parametrize(
    ("environment", "settings"),
    family(
        [
            ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, b""),
            ({"MPLBACKEND": "nonsense"}, b"text.usetex: true\nbackend: nonsense\n"),
            ({}, b"\xff\xfe\x00"),
            ({"HOME": None, "MPLCONFIGDIR": "/proc/nowhere"}, b"text.usetex: true\n"),
        ],
        every=4,
    ),
    ids=["a notebook's backend", "no backend", "no text", "no home"],
)
def test_a_picture_is_drawn(tmp_path: Path, environment: dict[str, str | None], settings: bytes) -> None:
    (tmp_path / "matplotlibrc").write_bytes(settings)
    own = os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")} | environment
    plain = {name: value for name, value in own.items() if value is not None}
    drawn = tmp_path / "drawn.png"
    end = subprocess.run([sys.executable, "-c", DRAW, str(drawn)], env=plain, capture_output=True, text=True)
    assert end.returncode == 0, end.stderr
    assert drawn.read_bytes().startswith(b"\x89PNG")
    if "MPLBACKEND" not in environment and settings.startswith(b"text"):
        assert end.stdout.strip() == "True"  # a person's own settings are there again
