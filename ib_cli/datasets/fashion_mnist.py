"""Fashion-MNIST."""

from dataclasses import dataclass
from typing import ClassVar

from ib_cli.datasets.mnist import Mnist


@dataclass(frozen=True, kw_only=True)
class FashionMnist(Mnist):
    """70 000 pieces of clothing in MNIST's own format, (1, 28, 28) with values 0 … 255 (Xiao, Rasul, Vollgraf 2017)."""

    peer: ClassVar[str] = "FashionMNIST"
    folder: ClassVar[str] = "FashionMNIST/raw"
