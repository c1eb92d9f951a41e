"""Training samples of which only some have a label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import counted
from ib_cli.contracts.passes import needed
from ib_cli.datasets.data import Augmentation, Data, Split
from ib_cli.datasets.source import Drawn

DIGITS = 9  # of share · B: 0.07 · 100 is 7.000000000000001 in floating point


@dataclass(frozen=True, eq=False)
class FewLabels:
    """Batches in which a fixed number of samples have a label; the law of the others is that of the train split.

    Of a batch of B, the first ⌈share · B⌉ are drawn from the labelled samples, with replacement; the others are those
    of the epoch's order, without their label. A row of p(y|x) is 0 where the label is not known, and elsewhere so large
    that the batch's mean of C is the mean over its labelled samples.
    """

    split: Split  # the train split; its `y_probabilities` are 0 where a label is not known
    members: Tensor  # (L,): indices of the labelled samples
    share: float  # of a batch
    augmentation: Augmentation | None = None

    @property
    def y_entropy(self) -> float | None:
        """None: y is a label."""
        return None

    def draw(self, indices: Tensor, generator: Generator) -> Drawn:
        """The samples at `indices` (B,), the first ones replaced by labelled ones."""
        B, device = len(indices), indices.device
        count = self.labelled_of(B)
        drawn = torch.randint(len(self.members), (count,), generator=generator, device=generator.device)
        chosen = torch.cat([self.members[drawn.to(device)], indices[count:]])
        x = self.split.x[chosen] if self.augmentation is None else self.augmentation(chosen, generator)
        rows = needed(self.split.y_probabilities)
        probabilities = (rows[chosen] > 0).to(rows.dtype) * (B / count)
        probabilities[count:] = 0
        return Drawn(x, self.split.y[chosen], probabilities)

    def labelled_of(self, batch: int) -> int:
        """How many samples of a batch have a label: at least one."""
        return min(batch, max(1, math.ceil(round(self.share * batch, DIGITS))))


def with_few_labels(data: Data, labelled: int, share: float, order: Callable[[int, str], Tensor], classes: int) -> Data:
    """The data with `labelled` known labels in the train split, as many of each class, and batches that have some.

    `order`: (count, purpose) → 0 … count − 1 in random order; fewer labels are then some of the larger number's.
    Raises ConfigError where there are no such samples.
    """
    train = data.splits["train"]
    if labelled >= len(train):
        most = counted(len(train), "training sample")
        raise ConfigError(f"dataset.labelled={labelled}: must be less than the {most}; null: all have a label")
    members = _balanced(train.y, labelled, order, classes)
    rows = torch.zeros(len(train), classes, device=data.device)
    rows[members] = one_hot(train.y[members], classes).float() * (len(train) / labelled)
    known = replace(train, y_probabilities=rows)
    lacking = classes - len(train.y[members].unique())
    doubts = (
        [f"dataset.labelled={labelled}: no label of {lacking} of the {classes} classes is known"] if lacking else []
    )
    return replace(
        data,
        splits={**data.splits, "train": known},
        source=FewLabels(known, members, share, data.augmentation),
        doubts=(*data.doubts, *doubts),
    )


def check_few_labels(data: Data, batch_size: int) -> None:
    """Raises ConfigError where batches have room for labelled samples only, though the share is less than 1."""
    of = data.source
    if isinstance(of, FewLabels) and of.share < 1 and of.labelled_of(batch_size) >= batch_size:
        raise ConfigError(
            f"dataset.labelled_share={of.share:g}: of a batch of {batch_size} leaves no room for samples without a "
            "label: raise batch_size"
        )


def _balanced(y: Tensor, labelled: int, order: Callable[[int, str], Tensor], classes: int) -> Tensor:
    """Indices of `labelled` samples: of each class as many, or one more."""
    shuffled = order(len(y), "which samples are labelled").to(y.device)
    of_class = [shuffled[y[shuffled] == label] for label in range(classes)]
    wanted = torch.full((classes,), labelled // classes)
    wanted[order(classes, "which classes have one label more")[: labelled % classes]] += 1
    for label, (members, count) in enumerate(zip(of_class, wanted.tolist())):
        if len(members) < count:
            raise ConfigError(
                f"dataset.labelled={labelled}: needs {counted(count, 'training sample')} of class {label}, and there "
                f"{'is' if len(members) == 1 else 'are'} {len(members)}: choose fewer, or null for all labels"
            )
    return torch.cat([members[:count] for members, count in zip(of_class, wanted.tolist())])
