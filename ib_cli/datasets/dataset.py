"""What data sets of stored samples share: their options, and the way from arrays to `Data`."""

# Annotations are evaluated here, not kept as text: the signature of a data set is the schema of its config, and text
# would be looked up in the subclass's module, where these names do not exist.

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from ib_cli.config.settings import Seed
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.datasets.augmentation import CropFlip
from ib_cli.datasets.binarised import binarised
from ib_cli.datasets.columns import columns, lost, named, narrowed
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.doubts import all_alike, changed
from ib_cli.datasets.doubts import doubts as doubts_of
from ib_cli.datasets.few_labels import with_few_labels
from ib_cli.datasets.layout import REMEDY, channels_last
from ib_cli.datasets.layout import doubts as doubts_of_layout
from ib_cli.datasets.normalisation import INTERVALS, Affine, Normalisation, fit
from ib_cli.datasets.target_scale import TargetScale, fit_target_scale
from ib_cli.datasets.whitening import fit_whitening, unlike, without_contrast

# The options of a data set that another one is made of: none of its own.
PLAIN: dict[str, Any] = {
    "normalise": "none", "likelihood": "gaussian", "classes": None, "train_size": None, "test_size": None,
    "validation_size": 0, "label_noise": 0.0, "crop": 0, "flip": False, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Arrays:
    """A data set as it is stored, on the CPU."""

    train: Split  # x: (N, C, H, W) or (N, F), bytes or numbers as precise as they came; a continuous y likewise
    test: Split
    classes: int | None  # labels are 0 … classes − 1; None: y is continuous, (N, d)
    levels: int | None  # stored values are the integers 0 … levels − 1; None: real numbers
    standardise_y: bool = False  # give a continuous y mean 0 and deviation 1 in training, in each dimension
    labels: dict[str, int] = field(default_factory=dict)  # named labels of the splits → their classes; the first is y's
    paint: Callable[[Tensor], Tensor] | None = None  # makes x of what stands in for it in the splits; None: it is there

    def with_label(self, label: str | None) -> "Arrays":
        """The same samples with this one of their labels as y; None: y as it is.

        Raises ConfigError for a label that they lack.
        """
        if label is None:
            return self
        if label not in self.labels:
            names = " or ".join(self.labels)
            right = f"must be {names}, the labels of these data" if names else "must be null: these data have one label"
            raise ConfigError(f"dataset.label={label}: {right}")
        train, test = (replace(split, y=split.labels[label]) for split in (self.train, self.test))
        return replace(self, train=train, test=test, classes=self.labels[label], standardise_y=False)

    def painted(self, split: Split) -> Split:
        """A split with its x."""
        return split if self.paint is None else replace(split, x=self.paint(split.x))


@dataclass(frozen=True, kw_only=True)
class DataSet(ABC):
    """The options of every data set of stored samples; a subclass adds its own and says how to `read` it.

    All randomness here (subsets, splits, label noise, permutations) comes from `seed` alone. Each of these has its own
    stream: changing one option leaves the draws of the others as they were, and larger subsets contain smaller ones.
    """

    normalise: Normalisation  # see `ib_cli.datasets.normalisation.fit`
    likelihood: Literal["bernoulli", "gaussian", "laplace", "categorical"]  # suits x; decoders refer to it
    classes: list[int] | None  # only these, relabelled 0, 1, … in this order; None: all
    train_size: Annotated[int, Ge(1)] | None  # of what the validation split leaves; None: all
    test_size: Annotated[int, Ge(1)] | None
    validation_size: Annotated[int, Ge(0)] | Annotated[float, Ge(0), Lt(1)]  # a float is a fraction of the train split
    label_noise: Annotated[float, Ge(0), Le(1)]  # fraction of training labels replaced by a uniformly random class
    crop: Annotated[int, Ge(0)]  # pixels of padding for random crops
    flip: bool
    seed: Seed
    label: str | None = None  # which of several named labels is y; None: the first
    labelled: Annotated[int, Ge(1)] | None = None  # training samples whose label is known, by class; None: all
    labelled_share: Annotated[float, Gt(0), Le(1)] = 0.1  # of a training batch, where not all are labelled
    binarise: bool = False  # see `ib_cli.datasets.binarised`

    def fingerprint(self) -> str:
        """Identifies data that may change under the same options; empty for data that cannot.

        Raises ConfigError where the data cannot be read.
        """
        return ""

    @abstractmethod
    def read(self) -> Arrays:
        """The whole data set. Raises ConfigError where there is none, or it is not as it should be."""

    def load(self, device: torch.device | str) -> Data:
        """The data set with its options applied, on the device.

        Raises ConfigError where it cannot be read, or the options ask for more than it has.
        """
        arrays = self._stored(self.read().with_label(self.label))
        if arrays.classes is None:
            self._check_label_options()
        arrays = self._keep_classes(arrays)
        data = self._data(arrays, self._splits(arrays), device)
        if self.labelled is None or arrays.classes is None:
            return data
        return with_few_labels(data, self.labelled, self.labelled_share, self.shuffled, arrays.classes)

    @property
    def seen(self) -> list[int] | None:
        """The classes that a run on these data is trained on, by their labels in the data; None: all."""
        return self.classes

    def left_out(self) -> tuple[Split, list[int]]:
        """Test samples of the classes that are not `seen`, as they are stored, and the labels of the seen classes.

        Their y is the label that the data give them. Raises ConfigError where y is no label, or every class is seen.
        """
        arrays = self._stored(self.read().with_label(self.label))
        if arrays.classes is None:
            raise ConfigError("its y is continuous, so there are no other classes")
        seen = list(range(arrays.classes)) if self.seen is None else self.seen
        others = ~torch.isin(arrays.test.y, torch.tensor(seen))
        if not others.any() and len(seen) < arrays.classes:
            raise ConfigError("its test split has no sample of the classes that it has not seen")
        if not others.any():
            every = "the one class" if arrays.classes == 1 else f"all of the {arrays.classes} classes"
            raise ConfigError(f"it has seen {every} of its data, so none is new to it")
        return arrays.painted(arrays.test[others]), seen

    def _data(self, arrays: Arrays, splits: dict[str, Split], device: torch.device | str) -> Data:
        """`Data` of splits that have been chosen of the arrays, on the device. Raises ConfigError as `load`."""
        splits = {name: arrays.painted(split) for name, split in splits.items()}
        if channels_last(shape := tuple(splits["train"].x.shape)):
            raise ConfigError(f"dataset: expects images (N, C, H, W), not (N, H, W, C) {shape}: {REMEDY}")
        given = splits
        splits, target_scale = _precise(splits, self.normalise, arrays)
        # What zca whitens may be doubted as what standard scales: of both, the deviation in training decides.
        affine = fit("standard" if self.normalise == "zca" else self.normalise, splits["train"].x, arrays.levels)
        doubts = (*doubts_of_layout(shape), *_doubts(given, splits["train"], affine, self.normalise, arrays))
        whitening = None
        if self.normalise == "zca":
            whitening, more = fit_whitening(splits["train"].x)
            flat = without_contrast({name: split.x for name, split in splits.items()})
            affine, whitening = fit("none", splits["train"].x, None), whitening.to(device)
            splits = {name: replace(split, x=whitening(split.x)) for name, split in splits.items()}
            doubts = (*doubts, *more, *flat, *unlike({name: split.x for name, split in splits.items()}))
        splits = {name: split.to(device) for name, split in splits.items()}
        augmentation = self._augmentation(splits["train"].x)
        if augmentation is not None:
            splits["train"] = replace(splits["train"], x=augmentation.images)
        spec = Spec(
            shape[1:],
            arrays.classes,
            shape[0],
            INTERVALS.get(self.normalise),
            None if self.normalise == "zca" else arrays.levels,
            target_shape=tuple(splits["train"].y.shape[1:]),
            labels=arrays.labels,
        )
        return Data(
            spec,
            splits,
            affine.to(device),
            augmentation,
            doubts=doubts,
            whitening=whitening,
            target_scale=None if target_scale is None else target_scale.to(device),
        )

    def _stored(self, arrays: Arrays) -> Arrays:
        """Arrays that were read, as this data set stores them. Raises ConfigError as `binarised`."""
        return binarised(arrays, self.seed) if self.binarise else arrays

    def rng(self, purpose: str) -> np.random.Generator:
        """This data set's own stream of random numbers for one purpose."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def shuffled(self, count: int, purpose: str) -> Tensor:
        """0 … count − 1 in random order."""
        return torch.from_numpy(self.rng(purpose).permutation(count))

    def _check_label_options(self) -> None:
        """Raises ConfigError for options that apply to labels only."""
        for key, off in (("classes", None), ("label_noise", 0), ("labelled", None)):
            if getattr(self, key) != off:
                shown = "null" if off is None else off
                raise ConfigError(f"dataset.{key}: is for labels, and y is continuous here; it must be {shown}")

    def _keep_classes(self, arrays: Arrays) -> Arrays:
        if self.classes is None or arrays.classes is None:
            return arrays
        kept, last, own = self.classes, arrays.classes - 1, self.label or next(iter(arrays.labels), None)
        if not kept or len(set(kept)) < len(kept) or not all(0 <= label <= last for label in kept):
            raise ConfigError(f"dataset.classes: must list different classes out of 0 … {last}, not {list(kept)}")
        relabelled = torch.full((arrays.classes,), -1)
        relabelled[kept] = torch.arange(len(kept))

        def select(split: Split, name: str) -> Split:
            y = relabelled[split.y]
            if not (y >= 0).any():
                raise ConfigError(f"dataset.classes: must leave a sample in each split, but {name} has none of {kept}")
            labels = {label: y if label == own else values for label, values in split.labels.items()}
            return replace(split, y=y, labels=labels)[y >= 0]

        return replace(
            arrays,
            train=select(arrays.train, "train"),
            test=select(arrays.test, "test"),
            classes=len(kept),
            labels={label: len(kept) if label == own else classes for label, classes in arrays.labels.items()},
        )

    def _splits(self, arrays: Arrays) -> dict[str, Split]:
        """`train`, `test` and, where some samples are held out, `validation`. Label noise is for y in training."""
        train, validation = self._hold_out(arrays.train)
        train = self._noisy(self._subset(train, "train"), arrays.classes)
        splits = {"train": train, "test": self._subset(arrays.test, "test")}
        return splits if validation is None else {**splits, "validation": validation}

    def _hold_out(self, train: Split) -> tuple[Split, Split | None]:
        """What remains to train on, and the validation split."""
        available, size = len(train), self.validation_size
        if size == 0:
            return train, None
        count = max(1, round(size * available)) if isinstance(size, float) else size
        if count >= available:
            raise ConfigError(
                f"dataset.validation_size: must leave some of the {available} samples to train on, "
                f"so less than that, not {size}"
            )
        order = self.shuffled(available, "validation")
        return train[order[count:]], train[order[:count]]

    def _subset(self, split: Split, name: Literal["train", "test"]) -> Split:
        size = self.train_size if name == "train" else self.test_size
        if size is None:
            return split
        if size > len(split):
            raise ConfigError(f"dataset.{name}_size: must be at most {len(split)}, the samples there are, not {size}")
        return split[self.shuffled(len(split), name)[:size]]

    def _noisy(self, train: Split, classes: int | None) -> Split:
        replaced = round(self.label_noise * len(train))
        if not replaced or classes is None:
            return train
        y = train.y.clone()
        labels = self.rng("noisy labels").integers(classes, size=replaced)
        y[self.shuffled(len(y), "which labels are noisy")[:replaced]] = torch.from_numpy(labels)
        return replace(train, y=y)

    def _augmentation(self, images: Tensor) -> CropFlip | None:
        if not (self.crop or self.flip):
            return None
        if images.dim() != 4:
            key, off = ("crop", "0") if self.crop else ("flip", "false")
            raise ConfigError(f"dataset.{key}: must be {off} for vectors: only images can be augmented")
        return CropFlip(images, self.crop, self.flip)


def _precise(
    splits: dict[str, Split], normalise: Normalisation, arrays: Arrays
) -> tuple[dict[str, Split], TargetScale | None]:
    """The splits in the types that they are stored in, y as the model sees it, and what scaled y.

    x stays as precise as it came where float32 would take away what normalising is to keep. Raises ConfigError where
    the model would see numbers without what tells them apart.
    """
    x, y = [split.x for split in splits.values()], [split.y for split in splits.values()]
    target_scale = None
    if arrays.classes is None:
        y, target_scale = _continuous(y, arrays.standardise_y)
    if normalise == "none" and x[0].dtype != torch.uint8:
        if loss := lost(x, "x", "choose dataset.normalise=standard"):
            raise ConfigError(f"dataset.normalise=none: {loss}")
        x = [part.float() for part in x]
    else:
        x = narrowed(x)
    return {name: replace(split, x=x[i], y=y[i]) for i, (name, split) in enumerate(splits.items())}, target_scale


def _continuous(parts: list[Tensor], standardise: bool) -> tuple[list[Tensor], TargetScale | None]:
    """y of the splits, train first, as float32, and with `standardise` what scaled it.

    Raises ConfigError where float32 would lose what y says.
    """
    if not standardise:
        if loss := lost(parts, "y", "choose dataset.targets=standard"):
            raise ConfigError(f"dataset.targets=stored: {loss}")
        return [part.float() for part in parts], None
    y = narrowed(parts)
    target_scale = fit_target_scale(y[0])
    return [target_scale(part) for part in y], target_scale


def _doubts(
    given: dict[str, Split], train: Split, affine: Affine, normalise: Normalisation, arrays: Arrays
) -> tuple[str, ...]:
    """What may not have been meant about the splits as they were given; `train`: as it is stored for training."""
    x = {name: split.x for name, split in given.items()}
    found: list[str] = []
    if arrays.levels is None:
        found += doubts_of(x, "x", normalise != "none", lambda some: affine(train.x[some]))
    if arrays.levels is None or normalise == "standard":  # else the levels scale x, and no column's own values
        found += changed(x, "x")
    largest = given["train"].x.max().item() if arrays.levels == 256 else 255
    if largest < 128 and normalise in INTERVALS:
        found.append(
            f"dataset: the largest byte of x is {largest}, and normalise={normalise} takes bytes for 0 … 255: store "
            "other levels as numbers, or choose normalise=standard"
        )
    if arrays.classes is None:
        y = {name: split.y for name, split in given.items()}
        found += doubts_of(y, "y", arrays.standardise_y, lambda some: train.y[some])
        if (constant := columns(y["train"]).width == 0).any():
            found.append(f"dataset: {named(constant)} of y never changes in training: there is nothing to predict")
    elif all_alike(given["train"].y):
        found.append("dataset: all training samples have the same label: there is nothing to predict")
    if all_alike(given["train"].x):
        found.append("dataset: all training samples have the same x: there is nothing to learn from it")
    return tuple(found)
