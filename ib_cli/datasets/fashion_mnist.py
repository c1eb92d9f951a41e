"""Fashion-MNIST."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ib_cli.datasets.mnist import Mnist


@dataclass(frozen=True, kw_only=True)
class FashionMnist(Mnist):
    """70 000 pieces of clothing in MNIST's own format, (1, 28, 28) with values 0 … 255 (Xiao, Rasul, Vollgraf 2017)."""

    peer: ClassVar[str] = "FashionMNIST"
    folder: ClassVar[str] = "FashionMNIST/raw"
    checksums: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    }
