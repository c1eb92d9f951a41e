"""Data sets that are made from published ones."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

import numpy as np

from ib_cli.datasets.dataset import PLAIN, Arrays, DataSet
from ib_cli.datasets.stable_draws import StableDraws
from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet


@dataclass(frozen=True, kw_only=True)
class MadeDataSet(DataSet):
    """Images made from those of published data sets by a `plan` that `seed` draws; bytes, as their sources are.

    What an image becomes follows from the plan and the files of the sources alone, in whole numbers: the same bytes
    everywhere. The images of a split are made when it is loaded, and only those that the options keep.
    """

    root: str  # the folder that holds torchvision's own folders of the sources; relative: to the working directory
    download: bool  # fetch the files that are missing

    recipe: ClassVar[int]  # raised whenever the same plan makes other bytes

    @property
    @abstractmethod
    def sources(self) -> Mapping[str, type[TorchvisionDataSet]]:
        """Published data sets, by the part that they play."""

    @abstractmethod
    def plan(self, split: str) -> Mapping[str, np.ndarray]:
        """All that is drawn for `train` or `test`. Raises ConfigError for options that no image can meet."""

    def source(self, part: str) -> Arrays:
        """One of the sources, whole. Raises ConfigError where files are missing or are not the published ones."""
        return self._source(part).read()

    def draws(self, split: str, purpose: str) -> StableDraws:
        """A stream of random numbers for one purpose in one split."""
        return StableDraws(self.seed, f"{purpose}, {split}")

    def fingerprint(self) -> str:
        """A checksum of all that determines the images, which needs no files: recipe, plan, checksums of the sources.

        Raises ConfigError where files are there and not the published ones, or for options that no image can meet.
        """
        for part in self.sources:
            self._source(part).fingerprint()
        checksums = {part: dict(kind.checksums) for part, kind in self.sources.items()}
        found = blake2b(json.dumps([self.recipe, checksums], sort_keys=True).encode(), digest_size=16)
        for split in ("train", "test"):
            for name, drawn in sorted(self.plan(split).items()):
                found.update(f"{split} {name} {drawn.shape}".encode() + drawn.astype("<i4").tobytes())
        return found.hexdigest()

    def _source(self, part: str) -> TorchvisionDataSet:
        """A published data set with no option of its own but where its files are."""
        return self.sources[part](root=self.root, download=self.download, **PLAIN)
