"""The 8 × 8 digits that come with scikit-learn: real data without a download."""

from dataclasses import dataclass
from hashlib import md5

import numpy as np
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet

TEST_SIZE = 360  # a fifth
CHECKSUM = "7696c07daa6d85010f8268703ab8b067"  # MD5 of all pixels, then all labels, a byte each


@dataclass(frozen=True, kw_only=True)
class Digits(DataSet):
    """1797 handwritten digits, (1, 8, 8) with values 0 … 16 (Alpaydin and Kaynak 1998, the UCI test set).

    The source is not split. The test split is always the same 360 digits, drawn once for all, whatever `seed` is, so
    that results with different seeds stay comparable. Training and test digits share writers.
    """

    def read(self) -> Arrays:
        """Raises ConfigError where scikit-learn holds other digits, which a run's id would not know."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = torch.from_numpy(bunch.images.astype(np.uint8))[:, None]
        if md5(images.numpy().tobytes() + bunch.target.astype(np.uint8).tobytes()).hexdigest() != CHECKSUM:
            raise ConfigError("dataset=digits: scikit-learn's file is damaged or holds other digits: install it again")
        digits = Split(images, torch.from_numpy(bunch.target.astype(np.int64)))
        # RandomState's stream is frozen for good, unlike that of NumPy's newer generators.
        order = torch.from_numpy(np.random.RandomState(0).permutation(len(digits)))
        return Arrays(digits[order[TEST_SIZE:]], digits[order[:TEST_SIZE]], classes=10, levels=17)
