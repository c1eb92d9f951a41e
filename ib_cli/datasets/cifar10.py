"""CIFAR-10."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet


@dataclass(frozen=True, kw_only=True)
class Cifar10(TorchvisionDataSet):
    """60 000 photographs in ten classes, (3, 32, 32) with values 0 … 255 (Krizhevsky 2009)."""

    peer: ClassVar[str] = "CIFAR10"
    folder: ClassVar[str] = "cifar-10-batches-py"
    files: ClassVar[tuple[str, ...]] = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    sizes: ClassVar[tuple[int, int]] = (50_000, 10_000)

    def images(self, stored: np.ndarray) -> torch.Tensor:
        """(N, 32, 32, 3) → (N, 3, 32, 32)."""
        return torch.from_numpy(stored).permute(0, 3, 1, 2).contiguous()
