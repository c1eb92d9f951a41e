"""A person's own data, from a NumPy archive."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Gt, Lt

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.columns import LOST
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet
from ib_cli.datasets.layout import REMEDY, channels_last
from ib_cli.system.home import expanded
from ib_cli.system.places import is_file

FLOATS = (np.float32, np.float64)
UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class Npz(DataSet):
    """The arrays x and y of an .npz file, and x_test and y_test where it has a test split.

    x: (N, F) vectors, (N, H, W) or (N, C, H, W) images. Bytes are kept as pixels of 256 levels. Other numbers become
    float32, but where it would round away what a column says they keep their own precision until normalised.
    y: (N,) integers 0 … classes − 1, where each class occurs, or for a regression (N,) or (N, d) real numbers.
    Without a test split, `test_fraction` of the samples, chosen by `seed`, becomes one. Arrays label_NAME (N,), and
    label_NAME_test with a test split, are further labels, integers as those of y, which has the name y among them.
    """

    path: str  # of the .npz file; relative: to the working directory
    targets: Literal["auto", "labels", "standard", "stored"]  # what y is; auto: floats standard, integers labels
    test_fraction: Annotated[float, Gt(0), Lt(1)]  # of the samples, where the file has no test split

    def read(self) -> Arrays:
        """Raises ConfigError where the file or one of its arrays is missing or is not as described above."""
        arrays = self._open()
        for name in ("x", "y"):
            if name not in arrays:
                raise self._error(f"must hold an array {name}, but has only {sorted(arrays)}")
        if ("x_test" in arrays) != ("y_test" in arrays):
            raise self._error("must hold both x_test and y_test or neither")
        names = self._names(arrays)
        kind = self.targets if self.targets != "auto" else "standard" if arrays["y"].dtype.kind == "f" else "labels"
        y_of = self._labels if kind == "labels" else self._values
        train = self._part(arrays, "", y_of, names)
        classes = self._count_classes(train.y, "y") if kind == "labels" else None
        labels = {name: self._count_classes(train.labels[name], f"label_{name}") for name in names}
        if "x_test" in arrays:
            test = self._part(arrays, "_test", y_of, names)
            self._check_alike(train, test, classes, labels)
        else:
            train, test = self._split(train)
        if labels and classes is not None:
            labels = {"y": classes, **labels}
            train, test = (replace(part, labels={"y": part.y, **part.labels}) for part in (train, test))
        levels = 256 if train.x.dtype == torch.uint8 else None
        return Arrays(train, test, classes, levels, standardise_y=kind == "standard", labels=labels)

    def _names(self, arrays: dict[str, np.ndarray]) -> list[str]:
        """The names of further labels."""
        found = [name.removeprefix("label_") for name in arrays if name.startswith("label_")]
        names = [name for name in found if not (name.endswith("_test") and name.removesuffix("_test") in found)]
        for name in names:
            if not name or name == "y":
                raise self._error(f"must name its labels by other words than y, as in label_nuisance, not label_{name}")
            if ("x_test" in arrays) != (f"label_{name}_test" in arrays):
                verb = "must hold" if "x_test" in arrays else "must hold x_test and y_test with"
                raise self._error(f"{verb} label_{name}_test, as it has label_{name}")
        return names

    def _part(
        self,
        arrays: dict[str, np.ndarray],
        suffix: str,
        y_of: Callable[[dict[str, np.ndarray], str], torch.Tensor],
        names: list[str],
    ) -> Split:
        """The samples of a split; `suffix`: '' or '_test'."""
        x, y = self._samples(arrays[f"x{suffix}"], suffix), y_of(arrays, suffix)
        return Split(x, y, labels={name: self._labels(arrays, suffix, f"label_{name}") for name in names})

    def _error(self, right: str) -> ConfigError:
        return ConfigError(f"dataset.path: {self.path} {right}")

    def fingerprint(self) -> str:
        """A hash of the file, so that new arrays under an old name make a new run."""
        return blake2b(self._file().read_bytes(), digest_size=16).hexdigest()

    def _file(self) -> Path:
        path = expanded(self.path)
        if not is_file(path):
            raise self._error("is not a file; it must be an .npz file with arrays x and y")
        return path

    def _open(self) -> dict[str, np.ndarray]:
        path = self._file()
        try:
            archive = np.load(path, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            with archive:
                return {name: archive[name] for name in archive.files}
        except UNREADABLE as error:
            raise self._error("must be an .npz file of plain arrays, as numpy.savez writes it") from error

    def _samples(self, x: np.ndarray, suffix: str) -> torch.Tensor:
        """(N, F) or (N, C, H, W): bytes, or numbers as precise as they are in the file."""
        if x.ndim not in (2, 3, 4) or x.size == 0:
            raise self._error(f"must hold samples x{suffix} (N, F), (N, H, W) or (N, C, H, W), not {x.shape}")
        if channels_last(x.shape):
            raise self._error(f"must hold images x{suffix} (N, C, H, W), not (N, H, W, C) {x.shape}: {REMEDY}")
        if x.dtype.kind not in "buif":
            raise self._error(f"must hold real numbers in x{suffix}, not {x.dtype}")
        pixels = x.dtype == np.uint8
        values = torch.from_numpy(np.ascontiguousarray(x)) if pixels else self._numbers(x, f"x{suffix}")
        return values[:, None] if x.ndim == 3 else values

    def _labels(self, arrays: dict[str, np.ndarray], suffix: str, name: str = "y") -> torch.Tensor:
        """(N,) int64."""
        y, N = arrays[f"{name}{suffix}"], len(arrays[f"x{suffix}"])
        if y.shape != (N,):
            told = f"must hold one label per sample, {name}{suffix} of shape ({N},), not {y.shape}"
            raise self._error(told + _as_labels(y, f"{name}{suffix}", N))
        if y.dtype.kind not in "iu":
            raise self._error(f"must hold integers in {name}{suffix}, not {y.dtype}{_numbered(y, name + suffix)}")
        if y.min() < 0:
            told = f"must hold labels 0 … classes − 1 in {name}{suffix}, not {y.min()}"
            raise self._error(told + _numbered(y, name + suffix))
        return torch.from_numpy(y.astype(np.int64))

    def _values(self, arrays: dict[str, np.ndarray], suffix: str) -> torch.Tensor:
        """(N, d), as precise as in the file."""
        y, N = arrays[f"y{suffix}"], len(arrays[f"x{suffix}"])
        if y.shape[:1] != (N,) or y.ndim > 2 or y.size == 0:
            raise self._error(f"must hold one y{suffix} per sample, of shape ({N},) or ({N}, d), not {y.shape}")
        if y.dtype.kind not in "buif":
            raise self._error(f"must hold real numbers in y{suffix}, not {y.dtype}")
        return self._numbers(y, f"y{suffix}").view(N, -1)

    def _numbers(self, values: np.ndarray, name: str) -> torch.Tensor:
        """Values as float32, float64 or int64, whichever is the first to hold them as precisely as the file.

        Raises ConfigError for NaN, infinities and what float32 has no room for.
        """
        real = values.dtype.kind == "f"
        if not np.isfinite(values).all() or (real and (np.abs(values) > np.finfo(np.float32).max).any()):
            raise self._error(f"must hold finite numbers that fit float32 in {name}, no NaN and none infinite")
        if not real and values.max() > np.iinfo(np.int64).max:
            raise self._error(f"must hold integers below 2^63 in {name}, not {values.max()}")
        with np.errstate(invalid="ignore"):  # a rounding up to 2^63, which no integer type takes back
            exact = [kind for kind in FLOATS if np.array_equal(values.astype(kind).astype(values.dtype), values)]
        if real and not exact and (np.abs(values - values.astype(np.float64)) > LOST * values.std(0)).any():
            raise self._error(f"must hold numbers in {name} that float64 tells apart: subtract their mean")
        kind = exact[0] if exact else np.float64 if real else np.int64
        return torch.from_numpy(np.ascontiguousarray(values, kind))

    def _count_classes(self, y: torch.Tensor, name: str) -> int:
        found = torch.unique(y)
        classes = len(found)
        if found[-1] != classes - 1:
            raise self._error(
                f"must hold labels 0 … classes − 1 in {name}, each at least once, "
                f"but has {classes} different labels and the largest is {found[-1]}{_numbered(y.numpy(), name)}"
            )
        return classes

    def _check_alike(self, train: Split, test: Split, classes: int | None, labels: dict[str, int]) -> None:
        bytes_alone = [split.x.dtype == torch.uint8 for split in (train, test)]
        if test.x.shape[1:] != train.x.shape[1:] or bytes_alone[0] != bytes_alone[1]:
            raise self._error(
                f"must hold samples of one kind, but x has {tuple(train.x.shape[1:])} {train.x.dtype} "
                f"and x_test {tuple(test.x.shape[1:])} {test.x.dtype}"
            )
        if test.y.shape[1:] != train.y.shape[1:]:
            raise self._error(
                f"must hold a y of one kind, but y has {train.y.shape[1]} and y_test {test.y.shape[1]} dimensions"
            )
        found = {f"label_{name}": (test.labels[name], count) for name, count in labels.items()}
        if classes is not None:
            found["y"] = (test.y, classes)
        for name, (y, count) in found.items():
            if y.max() >= count:
                raise self._error(f"must hold labels 0 … {count - 1} in {name}_test, those of {name}, not {y.max()}")

    def _split(self, samples: Split) -> tuple[Split, Split]:
        if len(samples) < 2:
            raise self._error("must hold 2 samples or more, one to train on and one to test with, or x_test and y_test")
        count = max(1, round(self.test_fraction * len(samples)))
        if count >= len(samples):
            raise ConfigError(
                f"dataset.test_fraction: must leave some of the {len(samples)} samples to train on, "
                f"so less than {self.test_fraction}"
            )
        order = self.shuffled(len(samples), "test part")
        return samples[order[count:]], samples[order[:count]]


def _numbered(y: np.ndarray, name: str) -> str:
    """How labels become 0 … classes − 1, where they are few: what NumPy calls the inverse of `unique`."""
    if y.dtype.kind not in "biufUS" or len(np.unique(y)) > max(2, len(y) // 2):
        return ""
    return f": np.unique({name}, return_inverse=True)[1] numbers them"


def _as_labels(y: np.ndarray, name: str, count: int) -> str:
    """How an array of another shape becomes labels: a row for each sample with a single 1, or a column."""
    if y.shape == (count, 1):
        return f": save {name}.ravel()"
    if y.ndim == 2 and len(y) == count and is_one_hot(y):
        return f": save {name}.argmax(1)"
    return ""


def is_one_hot(y: np.ndarray) -> bool:
    """Whether each row of (N, d) has a single 1 and else zeros, with d above 1."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())
