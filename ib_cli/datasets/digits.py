"""The 8 × 8 digits that come with scikit-learn: real data without a download."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet

FILE = Path("datasets", "data", "digits.csv.gz")  # in scikit-learn's package: 64 pixels and a label a line
PIXELS = 64
TEST_SIZE = 360  # a fifth
CHECKSUM = "7696c07daa6d85010f8268703ab8b067"  # MD5 of all pixels, then all labels, a byte each


@dataclass(frozen=True, kw_only=True)
class Digits(DataSet):
    """1797 handwritten digits, (1, 8, 8) with values 0 … 16 (Alpaydin and Kaynak 1998, the UCI test set).

    The source is not split. The test split is always the same 360 digits, drawn once for all, whatever `seed` is, so
    that results with different seeds stay comparable. Training and test digits share writers.
    """

    def read(self) -> Arrays:
        """Raises ConfigError where scikit-learn holds no digits or others, which a run's id would not know."""
        values = _values(_file())
        images, labels = values[:, :PIXELS].reshape(-1, 1, 8, 8), values[:, PIXELS]
        if md5(images.tobytes() + labels.tobytes()).hexdigest() != CHECKSUM:
            raise ConfigError("dataset=digits: scikit-learn's file is damaged or holds other digits: install it again")
        digits = Split(torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64)))
        # RandomState's stream is frozen for good, unlike that of NumPy's newer generators.
        order = torch.from_numpy(np.random.RandomState(0).permutation(len(digits)))
        return Arrays(digits[order[TEST_SIZE:]], digits[order[:TEST_SIZE]], classes=10, levels=17)


def _file() -> Path:
    """Where scikit-learn's package has the digits; found without its import, which takes a second."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ConfigError("dataset=digits: scikit-learn, which brings them, is not installed: pip install scikit-learn")
    return Path(package.submodule_search_locations[0]) / FILE


@cache  # the jobs of a multirun read it once
def _values(file: Path) -> np.ndarray:
    """The file's values, (1797, 65), read-only."""
    try:
        words = gzip.decompress(file.read_bytes()).replace(b"\n", b",").rstrip(b",").split(b",")
        return np.frombuffer(bytes(map(int, words)), np.uint8).reshape(-1, PIXELS + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ConfigError(f"dataset=digits: scikit-learn's {file} cannot be read ({error}): install it again") from None
