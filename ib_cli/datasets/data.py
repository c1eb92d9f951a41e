"""A data set ready for training: tensors that live on the device, and the batches made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Batch, Spec
from ib_cli.datasets.normalisation import Affine
from ib_cli.datasets.source import Source
from ib_cli.datasets.target_scale import TargetScale
from ib_cli.datasets.whitening import Whitening

Augmentation = Callable[[Tensor, Generator], Tensor]  # indices (B,) → x of these training samples, made anew


@dataclass(frozen=True)
class Split:
    """Samples as they are stored: before normalisation, but whitened already where the data are whitened."""

    x: Tensor  # (N, *input_shape) uint8 or float32; float64 or int64 where float32 would lose what tells x apart
    y: Tensor  # (N,) int64 labels, or (N, d) float32
    weight: Tensor | None = None  # (N,) ≥ 0, of mean 1: how often each sample counts; None: once
    labels: dict[str, Tensor] = field(default_factory=dict)  # each named label, (N,) int64; empty where y is the only
    boxes: Tensor | None = None  # (N, 4) int64: row, column, height and width of the object that y names; None: unknown
    y_probabilities: Tensor | None = None  # (N, classes): p(y|x) of labels that are not certain; None: y is certain

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, indices: Tensor) -> Split:
        """The samples at these indices, or where this mask (N,) is true."""
        return self.map(lambda part: part[indices])

    def to(self, device: torch.device | str) -> Split:
        return self.map(lambda part: part.to(device))

    def map(self, change: Callable[[Tensor], Tensor]) -> Split:
        """A split whose tensors are these ones, changed."""
        return Split(
            change(self.x),
            change(self.y),
            None if self.weight is None else change(self.weight),
            {name: change(labels) for name, labels in self.labels.items()},
            None if self.boxes is None else change(self.boxes),
            None if self.y_probabilities is None else change(self.y_probabilities),
        )


@dataclass(frozen=True)
class Data:
    """Splits `train`, `test` and, where some samples were held out, `validation`, all on one device.

    Pixels stay bytes until a batch is made: a quarter of the memory, and normalising costs little beside the gather.
    Whitening costs a product with a matrix of all an image's values, so that whitened images are stored as float32.
    """

    spec: Spec
    splits: dict[str, Split]
    affine: Affine
    augmentation: Augmentation | None  # of the training samples; None: none
    passes: int = 1  # passes over the train split in an epoch
    shared: int = 1  # so many consecutive samples of each split share one x
    doubts: tuple[str, ...] = ()  # what may not have been meant, a line each
    whitening: Whitening | None = None  # made the splits' x of images as they were read; None: they are as read
    source: Source | None = None  # draws every training batch anew; None: batches are from the train split
    drawn: int | None = None  # samples of an epoch, where a source draws them; None: as many as the train split has
    target_scale: TargetScale | None = None  # made the splits' y of y as it was read; None: y is as read
    way: Callable[[float], Data] | None = None  # t → the data under p(x, t); None: their law does not change

    @property
    def device(self) -> torch.device:
        return self.splits["train"].y.device

    @property
    def samples(self) -> int:
        """Training samples of an epoch (of a pass over it, where there are several)."""
        return len(self.splits["train"]) if self.drawn is None else self.drawn

    def at(self, t: float) -> Data:
        """The data under the law p(x, t), from t = 0, the source, to t = 1, the target (Free-Energy, eq. 23 or 37).

        Its splits are those of p(x, t), weighted; its training batches are drawn from p(x, t). Raises ConfigError for
        data whose law does not change.
        """
        if self.way is None:
            raise ConfigError("dataset: this procedure goes from one law to another: choose dataset=transfer")
        return self.way(t)

    def whole(self, batch_size: int) -> bool:
        """True if each batch is the full train split, so no shuffling; only for tables (`passes` > 1)."""
        return self.passes > 1 and len(self.splits["train"]) <= batch_size

    def batch(self, split: str, indices: Tensor, generator: Generator | None = None) -> Batch:
        """The normalised samples of a split at `indices` (B,), which lie on the data's device.

        With a generator (on the data's device), the samples of `train` are augmented if the data set asks for it, or
        replaced by B new ones from its source if it has one. The same state of the generator makes the same batch.
        Other splits are never changed.
        """
        if generator is not None and self.source is not None and split == "train":
            x, y, probabilities = self.source.draw(indices, generator)
            return Batch(self.affine(x), y, y_probabilities=probabilities)
        part = self.splits[split]
        if generator is None or self.augmentation is None or split != "train":
            x = part.x[indices]
        else:
            x = self.augmentation(indices, generator)
        optional = (None if each is None else each[indices] for each in (part.weight, part.y_probabilities))
        return Batch(self.affine(x), part.y[indices], *optional)

    def whole_batch(self) -> Batch:
        """The train split, normalised and in its order; each x appears once for the samples that share it."""
        part = self.splits["train"]
        return Batch(self.affine(part.x[:: self.shared]), part.y, part.weight)

    def label_entropy(self, split: str) -> float | None:
        """H[Y] in nats. For labels: the entropy of their frequencies in the split, or of their mean probabilities.

        For a continuous y: the differential entropy of its law, or None where that is not known.
        """
        part = self.splits[split]
        if self.spec.classes is None:
            return None if self.source is None else self.source.y_entropy
        if part.y_probabilities is None:
            frequencies = torch.bincount(part.y, part.weight).double() / len(part)
        else:
            share = part.y_probabilities if part.weight is None else part.y_probabilities * part.weight.unsqueeze(1)
            frequencies = share.double().mean(0)
        return torch.special.entr(frequencies).sum().item()

    def label_noise(self, split: str) -> float:
        """H[Y|X] of labels in nats: for a discrete x from the split's p(x, y); else 0, as no x occurs twice."""
        if not self.spec.one_hot or self.spec.classes is None:
            return 0.0
        part = self.splits[split]
        x, labels = self.batch(split, torch.arange(len(part), device=self.device)).x.double(), part.y
        share = torch.ones(len(part), device=self.device) if part.weight is None else part.weight
        joint = x.T @ (one_hot(labels, self.spec.classes) * share.double().unsqueeze(1)) / share.sum()
        return (torch.special.entr(joint).sum() - torch.special.entr(joint.sum(1)).sum()).item()

    def target_variance(self, split: str) -> float:
        """Variance of a continuous y about the split's mean, averaged over its dimensions."""
        return self.splits[split].y.double().var(0, correction=0).mean().item()
