"""Data sets whose files torchvision knows how to fetch and read."""

import pickle
from abc import abstractmethod
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet
from ib_cli.system.torchvision_import import import_torchvision

# All that torchvision's readers are seen to raise on a damaged file.
UNREADABLE = (RuntimeError, OSError, ValueError, AssertionError, LookupError, EOFError, pickle.UnpicklingError)
UNREACHABLE = (*UNREADABLE, HTTPException)


@dataclass(frozen=True, kw_only=True)
class TorchvisionDataSet(DataSet):
    """Ten classes of 8-bit images, read as whole arrays, without a detour over PIL."""

    root: str  # the folder that holds torchvision's own folder for the data set; relative: to the working directory
    download: bool  # fetch the files that are missing

    peer: ClassVar[str]  # torchvision's class
    folder: ClassVar[str]  # folder of its files under root
    files: ClassVar[tuple[str, ...]]  # files in that folder
    shape: ClassVar[tuple[int, int, int]]  # (C, H, W)
    sizes: ClassVar[tuple[int, int]]  # samples in train and test

    @abstractmethod
    def images(self, stored: Any) -> torch.Tensor:
        """torchvision's `.data` as (N, C, H, W) uint8."""

    def read(self) -> Arrays:
        """Raises ConfigError where files are missing and may not or cannot be fetched, or are damaged."""
        peer = getattr(import_torchvision().datasets, self.peer)
        home = Path(self.root).expanduser() / self.folder
        missing = [home / name for name in self.files if not (home / name).is_file()]
        if missing and not self.download:
            raise ConfigError(
                f"dataset.root: there is no {missing[0]}; set dataset.download=true or point "
                f"dataset.root at the folder that holds {self.folder}"
            )
        if missing:
            self._fetch(peer, home)
        train, test = (self._split(peer, home, name) for name in ("train", "test"))
        return Arrays(train, test, classes=10, levels=256)

    def _fetch(self, peer: type, home: Path) -> None:
        """Downloads to a temporary folder first: neither a killed run nor several at once leave half a file."""
        try:
            home.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=home) as scratch:
                peer(scratch, download=True)
                for name in self.files:
                    (Path(scratch) / self.folder / name).replace(home / name)
        except UNREACHABLE as error:
            raise ConfigError(
                f"dataset.download: could not fetch {self.peer} into {home} ({_line(error)}); connect to "
                f"the network or point dataset.root at the folder that holds {self.folder}"
            ) from error

    def _split(self, peer: type, home: Path, name: str) -> Split:
        try:
            stored = peer(Path(self.root).expanduser(), train=name == "train")
            split = Split(self.images(stored.data), torch.as_tensor(stored.targets))
        except UNREADABLE as error:
            raise ConfigError(
                f"dataset.root: the files in {home} are damaged ({_line(error)}); "
                "delete them and set dataset.download=true"
            ) from error
        shape = (self.sizes[name == "test"], *self.shape)
        if split.x.shape != shape or split.y.shape != shape[:1] or not ((split.y >= 0) & (split.y < 10)).all():
            raise ConfigError(
                f"dataset.root: the {name} files in {home} must hold images {shape} and as many labels "
                "0 … 9; delete them and set dataset.download=true"
            )
        return split


def _line(error: Exception) -> str:
    """An error's last line: torchvision lists every address it tried, and the last says why."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
