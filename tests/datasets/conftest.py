"""What the tests of data sets share: options and made-up files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.datasets.digits import Digits
from ib_cli.datasets.npz import Npz

OPTIONS: dict[str, Any] = {
    "normalise": "none",
    "likelihood": "gaussian",
    "classes": None,
    "train_size": None,
    "test_size": None,
    "validation_size": 0,
    "label_noise": 0.0,
    "crop": 0,
    "flip": False,
    "seed": 0,
}


@pytest.fixture
def options() -> dict[str, Any]:
    """The shared options, each set to do nothing."""
    return dict(OPTIONS)


@pytest.fixture
def digits() -> Callable[..., Digits]:
    return lambda **changed: Digits(**OPTIONS | changed)


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Npz]:
    """Writes arrays to a file and makes the data set of it; options by their names, arrays as x, y, x_test, y_test."""

    def make(**given: Any) -> Npz:
        changed = {key: given.pop(key) for key in list(given) if key in OPTIONS or key in ("test_fraction", "targets")}
        path = tmp_path / "own.npz"
        np.savez(path, **given)
        return Npz(path=str(path), **{"test_fraction": 0.2, "targets": "auto"} | OPTIONS | changed)

    return make
