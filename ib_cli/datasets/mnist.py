"""MNIST."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ib_cli.datasets.data import Split
from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet

PARTS = {"train": "train", "test": "t10k"}  # split → how the names of its files begin


@dataclass(frozen=True, kw_only=True)
class Mnist(TorchvisionDataSet):
    """70 000 handwritten digits, (1, 28, 28) with values 0 … 255 (LeCun, Cortes and Burges 1998)."""

    peer: ClassVar[str] = "MNIST"
    folder: ClassVar[str] = "MNIST/raw"
    checksums: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }

    def split(self, name: str) -> Split:
        """LeCun's format: a word for the type, one for each size, then the bytes."""
        images = np.frombuffer(self.content(f"{PARTS[name]}-images-idx3-ubyte"), np.uint8, offset=16)
        labels = np.frombuffer(self.content(f"{PARTS[name]}-labels-idx1-ubyte"), np.uint8, offset=8)
        return Split(torch.tensor(images).view(-1, 1, 28, 28), torch.tensor(labels, dtype=torch.int64))
