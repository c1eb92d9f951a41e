"""MNIST digits among pieces of other digits."""

# Annotations are evaluated here, as in `dataset.py`: the signature is the schema of a config.

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Interval
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays
from ib_cli.datasets.made_dataset import MadeDataSet
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet

DIGIT = 28  # pixels a side
SIZES = {"train": 60_000, "test": 10_000}
CHUNK = 500  # images painted at a time, so that they stay in the processor's cache


@dataclass(frozen=True, kw_only=True)
class ClutteredMnist(MadeDataSet):
    """A digit and `distractors` on black, (1, size, size) with values 0 … 255 (Mnih, Heess and Graves 2014).

    Each MNIST image is the digit of one sample: y is its label, and its place, the same 28 × 28 pixels as in MNIST, is
    uniform. A distractor is a square of `distractor_size` pixels a side, cut uniformly from another MNIST image of the
    split and put down uniformly. Values that overlap are added, up to 255, as the authors' program does.
    """

    size: Annotated[int, Interval(ge=DIGIT, le=1024)]  # pixels a side
    distractors: Annotated[int, Interval(ge=0, le=1000)]  # in each image
    distractor_size: Annotated[int, Interval(ge=1, le=DIGIT)]  # pixels a side

    recipe: ClassVar[int] = 1

    @property
    def sources(self) -> Mapping[str, type[TorchvisionDataSet]]:
        return {"digits": Mnist}

    def plan(self, split: str) -> Mapping[str, np.ndarray]:
        """Place of the digit, (N, 2); of each distractor: its image, (N, M), its cut and its place, (N, M, 2) each."""
        if self.distractors > (most := (self.size // self.distractor_size) ** 2):
            side = self.distractor_size
            raise ConfigError(
                f"dataset.distractors: must be at most {most}, as many squares of {side} × {side} pixels as an image "
                f"of {self.size} × {self.size} has room for, not {self.distractors}"
            )
        N, M, room = SIZES[split], self.distractors, self.size - self.distractor_size + 1
        other = 1 + self.draws(split, "images of distractors").below(N - 1, N, M)
        return {
            "digit": self.draws(split, "places of digits").below(self.size - DIGIT + 1, N, 2),
            "image": (np.arange(N)[:, None] + other) % N,
            "cut": self.draws(split, "cuts of distractors").below(DIGIT - self.distractor_size + 1, N, M, 2),
            "place": self.draws(split, "places of distractors").below(room, N, M, 2),
        }

    def read(self) -> Arrays:
        digits = self.source("digits")
        plans = {split: self.plan(split) for split in SIZES}
        images = {"train": digits.train.x.numpy()[:, 0], "test": digits.test.x.numpy()[:, 0]}

        def split(name: str, y: Tensor) -> Split:
            place = torch.from_numpy(plans[name]["digit"])
            rows = torch.arange(len(y)) + (SIZES["train"] if name == "test" else 0)
            return Split(rows, y, boxes=torch.cat([place, torch.full_like(place, DIGIT)], 1))

        def paint(rows: Tensor) -> Tensor:
            """(N, 1, size, size) of rows of the train split, and after them those of the test split."""
            name = "train" if (rows < SIZES["train"]).all() else "test"
            chosen = rows.numpy() - (SIZES["train"] if name == "test" else 0)
            return torch.from_numpy(_painted(images[name], plans[name], chosen, self.size, self.distractor_size))

        return Arrays(split("train", digits.train.y), split("test", digits.test.y), classes=10, levels=256, paint=paint)


def _painted(images: np.ndarray, plan: Mapping[str, np.ndarray], rows: np.ndarray, size: int, side: int) -> np.ndarray:
    """The images of these rows of the plan, (n, 1, size, size) uint8."""
    painted = np.zeros((len(rows), 1, size, size), np.uint8)
    cuts = sliding_window_view(images, (side, side), (1, 2))  # (N, 29 − side, 29 − side, side, side)
    for start in range(0, len(rows), CHUNK):
        some, canvas = rows[start : start + CHUNK], painted[start : start + CHUNK, 0]
        for i in range(plan["image"].shape[1]):
            down, across = plan["cut"][some, i].T
            _add(canvas, cuts[plan["image"][some, i], down, across], plan["place"][some, i])
        _add(canvas, images[some], plan["digit"][some])
    return painted


def _add(canvas: np.ndarray, patches: np.ndarray, places: np.ndarray) -> None:
    """Adds to each image (n, H, W), uint8, a patch (n, h, w) at its place (n, 2), up to 255."""
    windows = sliding_window_view(canvas, patches.shape[1:], (1, 2), writeable=True)
    at = (np.arange(len(canvas)), *places.T)
    below = windows[at]
    windows[at] = below + np.minimum(patches, 255 - below)
