"""What the tests of data sets share: options and made-up files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.datasets.digits import Digits
from ib_cli.datasets.fashion_mnist import FashionMnist
from ib_cli.datasets.mnist import Mnist
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
    "label": None,
    "binarise": False,
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


def write_idx(path: Path, array: np.ndarray) -> None:
    """LeCun's format: the type and the number of dimensions, then the sizes, then the bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an MNIST and a Fashion-MNIST of random pixels."""
    root = tmp_path_factory.mktemp("data")
    for seed, kind in enumerate((Mnist, FashionMnist)):
        rng, raw = np.random.default_rng(seed), root / kind.folder
        raw.mkdir(parents=True)
        for part, count in (("train", 60_000), ("t10k", 10_000)):
            write_idx(raw / f"{part}-images-idx3-ubyte", rng.integers(256, size=(count, 28, 28), dtype=np.uint8))
            write_idx(raw / f"{part}-labels-idx1-ubyte", rng.integers(10, size=count, dtype=np.uint8))
    return root


@pytest.fixture(scope="session")
def sums(made_up: Path) -> dict[str, dict[str, str]]:
    """MD5 of the made-up files, by folder and name."""
    folders = [kind.folder for kind in (Mnist, FashionMnist)]
    return {
        folder: {file.name: md5(file.read_bytes()).hexdigest() for file in (made_up / folder).iterdir()}
        for folder in folders
    }


@pytest.fixture
def published(made_up: Path, sums: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of made-up files, which count as the published ones."""
    for kind in (Mnist, FashionMnist):
        monkeypatch.setattr(kind, "checksums", sums[kind.folder])
    return made_up
