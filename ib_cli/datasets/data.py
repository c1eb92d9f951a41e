"""A data set ready for training: tensors that live on the device, and the batches made from them."""

from __future__ import annotations

from collections.abc import Callable
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
    weight: Tensor | None = None  # (N,) ≥ 0, of mean 1: how often each sample counts; None: once

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, indices: Tensor) -> Split:
        """The samples at these indices, or where this mask (N,) is true."""
        return self._map(lambda part: part[indices])

    def to(self, device: torch.device | str) -> Split:
        return self._map(lambda part: part.to(device))

    def _map(self, change: Callable[[Tensor], Tensor]) -> Split:
        return Split(change(self.x), change(self.y), None if self.weight is None else change(self.weight))


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
        return Batch(self.affine(x), part.y[indices], None if part.weight is None else part.weight[indices])

    def label_entropy(self, split: str) -> float:
        """H[Y] in nats of the labels of a split: the entropy of their empirical frequencies."""
        part = self.splits[split]
        frequencies = torch.bincount(part.y, part.weight).double() / len(part)
        return torch.special.entr(frequencies).sum().item()
