"""A data set ready for training: tensors that live on the device, and the batches made from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ib_cli.contracts import Batch, Spec
from ib_cli.datasets.augmentation import CropFlip
from ib_cli.datasets.normalisation import Affine


@dataclass(frozen=True)
class Split:
    """Samples as they are stored, before normalisation."""

    x: Tensor  # (N, *input_shape) uint8 or float32
    y: Tensor  # (N,) int64

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, indices: Tensor) -> Split:
        """The samples at these indices, or where this mask (N,) is true."""
        return Split(self.x[indices], self.y[indices])

    def to(self, device: torch.device | str) -> Split:
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Data:
    """Splits `train`, `test` and, where some was held out, `validation`, all on one device.

    Pixels stay bytes until a batch is made: a quarter of the memory, and normalising costs little beside the gather.
    """

    spec: Spec
    splits: dict[str, Split]
    affine: Affine
    augmentation: CropFlip | None  # of the training images; None: none

    @property
    def device(self) -> torch.device:
        return self.splits["train"].y.device

    def batch(self, split: str, indices: Tensor, generator: Generator | None = None) -> Batch:
        """The normalised samples of a split at `indices` (B,), which lie on the data's device.

        Given a generator (on the data's device) the samples of `train` are augmented, if the data set asks for it; the
        same state of the generator makes the same batch. Other splits are never augmented.
        """
        part = self.splits[split]
        if generator is None or self.augmentation is None or split != "train":
            x = part.x[indices]
        else:
            x = self.augmentation(indices, generator)
        return Batch(self.affine(x), part.y[indices])

    def label_entropy(self, split: str) -> float:
        """H[Y] in nats of the labels of a split: the entropy of their empirical frequencies."""
        frequencies = torch.bincount(self.splits[split].y).double() / len(self.splits[split])
        return torch.special.entr(frequencies).sum().item()
