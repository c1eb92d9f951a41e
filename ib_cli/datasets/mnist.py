"""MNIST."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet


@dataclass(frozen=True, kw_only=True)
class Mnist(TorchvisionDataSet):
    """70 000 handwritten digits, (1, 28, 28) with values 0 … 255 (LeCun, Cortes and Burges 1998)."""

    peer: ClassVar[str] = "MNIST"
    folder: ClassVar[str] = "MNIST/raw"
    files: ClassVar[tuple[str, ...]] = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    sizes: ClassVar[tuple[int, int]] = (60_000, 10_000)

    def images(self, stored: Tensor) -> Tensor:
        """(N, 28, 28) → (N, 1, 28, 28)."""
        return stored[:, None]
