"""CIFAR-10."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ib_cli.datasets.data import Split
from ib_cli.datasets.plain_pickle import plain_pickle
from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet

BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


@dataclass(frozen=True, kw_only=True)
class Cifar10(TorchvisionDataSet):
    """60 000 photographs in ten classes, (3, 32, 32) with values 0 … 255 (Krizhevsky 2009)."""

    peer: ClassVar[str] = "CIFAR10"
    folder: ClassVar[str] = "cifar-10-batches-py"
    checksums: ClassVar[Mapping[str, str]] = {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def split(self, name: str) -> Split:
        """Pickled batches, read once their checksums have shown that they are the published ones."""
        batches = [plain_pickle(self.content(file)) for file in BATCHES[name]]
        images = torch.from_numpy(np.concatenate([batch["data"] for batch in batches]))
        return Split(
            images.view(-1, 3, 32, 32), torch.tensor([label for batch in batches for label in batch["labels"]])
        )
