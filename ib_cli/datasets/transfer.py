"""Two tasks, a source and a target, and the law that leads from one to the other."""

# Annotations are evaluated here, as in `dataset.py`: the signature is the schema of a config.

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import needed
from ib_cli.datasets.augmentation import CropFlip
from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.data import Augmentation, Data, Split
from ib_cli.datasets.dataset import PLAIN, Arrays, DataSet
from ib_cli.datasets.digits import Digits
from ib_cli.datasets.fashion_mnist import FashionMnist
from ib_cli.datasets.mixture import Mixture, source_of
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.transport import Pairs, partners

SETS: dict[str, type[DataSet]] = {
    "digits": Digits, "mnist": Mnist, "fashion_mnist": FashionMnist, "cifar10": Cifar10,
}  # fmt: skip
Set = Literal["digits", "mnist", "fashion_mnist", "cifar10"]


def published(name: Set, root: str, download: bool) -> DataSet:
    """One of these data sets, whole, with no option of its own but where its files are."""
    files: dict[str, Any] = {} if name == "digits" else {"root": root, "download": download}
    return SETS[name](**files, **PLAIN)


@dataclass(frozen=True, kw_only=True)
class Transfer(DataSet):
    """Some classes of a data set as the source, others, or classes of another data set, as the target.

    Its splits are the source's, with labels of both; `Data.at(t)` is the law p(x, t) on the way to the target
    (Free-Energy, §4 and App. F). Each option that chooses samples, such as `train_size`, counts for each domain.
    """

    root: str  # the folder that holds torchvision's own folders; digits have none
    download: bool  # fetch the files that are missing
    of: Set
    of_target: Set | None  # the target's data set; None: the source's
    source: list[Annotated[int, Ge(0)]]  # classes
    target: list[Annotated[int, Ge(0)]]
    labels: Literal["kept", "mapped"]
    path: Literal["mixture", "transport"]
    regularisation: Annotated[float, Gt(0)]  # of path=transport, relative to the mean cost
    coupled: Annotated[int, Ge(2)]  # of path=transport: samples of each domain coupled at a time, at most

    @property
    def seen(self) -> list[int]:
        """The classes of the source."""
        return self.source

    def fingerprint(self) -> str:
        """Empty, as the options say it all. Raises ConfigError where files are there and not the published ones."""
        return "".join(self._set(name).fingerprint() for name in dict.fromkeys(self._sets))

    def read(self) -> Arrays:
        """The data set of the source, whole."""
        return self._set(self.of).read()

    def load(self, device: torch.device | str) -> Data:
        """The source's data, and the way to the target. Raises ConfigError for domains that do not go together."""
        self._check()
        first = len(self.source) if self.labels == "kept" else 0
        classes = first + len(self.target)
        given = self._stored(self.read().with_label(self.label))
        other = given if self._sets[0] == self._sets[1] else self._stored(self._set(self._sets[1]).read())
        if (here := given.train.x.shape[1:]) != (there := other.train.x.shape[1:]):
            shapes = ["×".join(map(str, shape)) for shape in (here, there)]
            raise ConfigError(
                f"dataset.of_target={self.of_target}: its images are {shapes[1]} and those of dataset.of={self.of} are "
                f"{shapes[0]}: source and target must have one shape"
            )
        domains = [
            self._splits(_of_classes(arrays, chosen, start, classes, key))
            for arrays, chosen, start, key in (
                (given, self.source, 0, "source"),
                (other, self.target, first, "target"),
            )
        ]
        counts = {name: len(part) for name, part in domains[0].items()}
        union = {name: _joined(part, domains[1][name]) for name, part in domains[0].items()}
        arrays = Arrays(union["train"], union["test"], classes, given.levels)
        del given, other, domains  # the union is the one copy
        return self._on_its_way(self._data(arrays, union, device), counts)

    def _check(self) -> None:
        """Raises ConfigError for lists of classes that make no two tasks, and options that are for one."""
        if self.classes is not None:
            raise ConfigError(
                "dataset.classes: must be null; dataset.source and dataset.target choose the classes here"
            )
        if self.labelled is not None:
            raise ConfigError("dataset.labelled: must be null; on the way from one law to another all labels are known")
        if self.labels == "mapped" and len(self.source) != len(self.target):
            raise ConfigError(
                f"dataset.labels=mapped: a class of the source and one of the target share a label, and there are "
                f"{len(self.source)} and {len(self.target)}: make the lists as long, or choose dataset.labels=kept"
            )
        if self._sets[0] == self._sets[1] and (both := sorted(set(self.source) & set(self.target))):
            raise ConfigError(
                f"dataset.target: {', '.join(map(str, both))} is in dataset.source too: source and target must have "
                "different classes of one data set"
            )

    @property
    def _sets(self) -> tuple[Set, Set]:
        return self.of, self.of_target or self.of

    def _set(self, name: Set) -> DataSet:
        return published(name, self.root, self.download)

    def _on_its_way(self, whole: Data, counts: dict[str, int]) -> Data:
        """The source's part of the data of both domains, `counts` samples of each split, with the way to the rest."""
        at, doubts = self._splits_at(whole, counts)
        spec = replace(whole.spec, train_size=counts["train"])
        if self.path == "transport":
            spec = replace(spec, levels=None)  # x lies between them

        def way(t: float) -> Data:
            if not 0 <= t <= 1:
                raise ValueError(f"t={t:g}: p(x, t) goes from t = 0 to t = 1")
            splits, augmentation = at(t)
            law = Mixture(splits["train"], counts["train"], t, augmentation)
            weighted = {name: law.weighted(split, counts[name]) for name, split in splits.items()}
            return replace(base, splits=weighted, augmentation=augmentation, source=law, drawn=law.samples)

        sources = {name: source_of(split, counts[name]) for name, split in whole.splits.items()}
        base = replace(whole, spec=spec, splits=sources, doubts=(*whole.doubts, *doubts), way=way)
        return base

    def _splits_at(
        self, whole: Data, counts: dict[str, int]
    ) -> tuple[Callable[[float], tuple[dict[str, Split], Augmentation | None]], tuple[str, ...]]:
        """t → the samples of both domains at t and their augmentation, and what to doubt."""
        if self.path == "mixture":
            return lambda t: (whole.splits, whole.augmentation), ()
        pairs: dict[str, Pairs] = {}
        doubts: list[str] = []
        for name, split in whole.splits.items():
            draws = self.rng(f"partners in {name}")
            found, told = partners(whole.affine(split.x), counts[name], self.regularisation, self.coupled, draws)
            pairs[name] = Pairs(split, counts[name], found.to(whole.device), needed(whole.spec.classes))
            doubts += told

        def at(t: float) -> tuple[dict[str, Split], CropFlip | None]:
            splits = {name: each.at(t) for name, each in pairs.items()}
            return splits, self._augmentation(splits["train"].x)

        return at, tuple(dict.fromkeys(doubts))


def _of_classes(arrays: Arrays, chosen: list[int], first: int, classes: int, key: str) -> Arrays:
    """The samples of some classes, relabelled `first`, `first` + 1, … in this order; `classes` there are in all."""
    last = (arrays.classes or 0) - 1
    if not chosen or len(set(chosen)) < len(chosen) or not all(label <= last for label in chosen):
        raise ConfigError(f"dataset.{key}: must list different classes out of 0 … {last}, not {list(chosen)}")
    relabelled = torch.full((last + 1,), -1)
    relabelled[chosen] = torch.arange(first, first + len(chosen))

    def select(split: Split) -> Split:
        y = relabelled[split.y]
        return replace(split, y=y)[y >= 0]

    return replace(arrays, train=select(arrays.train), test=select(arrays.test), classes=classes)


def _joined(source: Split, target: Split) -> Split:
    """The samples of both, the source's first."""
    return Split(torch.cat([source.x, target.x]), torch.cat([source.y, target.y]))
