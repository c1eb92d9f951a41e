"""Photographs or clothes with a handwritten digit over them."""

# Annotations are evaluated here, as in `dataset.py`: the signature is the schema of a config.

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays
from ib_cli.datasets.fashion_mnist import FashionMnist
from ib_cli.datasets.made_dataset import MadeDataSet
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.torchvision_dataset import TorchvisionDataSet

DIGIT = 28  # pixels a side
BACKGROUNDS = {"cifar10": Cifar10, "fashion_mnist": FashionMnist}
SIZES = {"cifar10": (32, 50_000), "fashion_mnist": (28, 60_000)}  # pixels a side, training images
DIGITS = {"train": 60_000, "test": 10_000}
CHUNK = 1000  # images made at a time


@dataclass(frozen=True, kw_only=True)
class Occluded(MadeDataSet):
    """CIFAR-10 (3, 32, 32) or Fashion-MNIST (1, 28, 28), each image under an MNIST digit (Information Dropout, Fig. 4).

    Labels: `object`, that of the background, and `nuisance`, that of the digit. No digit lies over two images of a
    split, and which lies over which is independent of both labels. A digit is white ink: where MNIST has the value d, a
    background b becomes (1 − d/255) b + d, rounded. The paper says neither this nor where the digit lies.
    """

    background: Literal["cifar10", "fashion_mnist"]
    placement: Literal["uniform", "centre"]  # of the digit's 28 × 28 pixels, which cover all of a Fashion-MNIST image
    label: Literal["object", "nuisance"]

    recipe: ClassVar[int] = 1

    @property
    def sources(self) -> Mapping[str, type[TorchvisionDataSet]]:
        return {"digits": Mnist, "background": BACKGROUNDS[self.background]}

    def plan(self, split: str) -> Mapping[str, np.ndarray]:
        """The digit over each background, (N,), and its place, (N, 2)."""
        side, count = SIZES[self.background]
        N, room = count if split == "train" else DIGITS["test"], side - DIGIT
        place = np.full((N, 2), room // 2)
        if self.placement == "uniform":
            place = self.draws(split, "places of digits").below(room + 1, N, 2)
        return {"digit": self.draws(split, "digits").order(DIGITS[split])[:N], "place": place}

    def read(self) -> Arrays:
        digits, backgrounds = self.source("digits"), self.source("background")

        def split(name: str, digit: Split, background: Split) -> Split:
            plan = self.plan(name)
            over = torch.from_numpy(plan["digit"])
            x = _laid_over(digit.x.numpy()[plan["digit"], 0], background.x.numpy(), plan["place"])
            return Split(x, background.y, labels={"object": background.y, "nuisance": digit.y[over]})

        train = split("train", digits.train, backgrounds.train)
        test = split("test", digits.test, backgrounds.test)
        return Arrays(train, test, classes=10, levels=256, labels={"object": 10, "nuisance": 10})


def _laid_over(digits: np.ndarray, backgrounds: np.ndarray, places: np.ndarray) -> Tensor:
    """Digits (N, 28, 28) in white over backgrounds (N, C, H, W) at places (N, 2): like backgrounds, uint8."""
    made = backgrounds.copy()
    for start in range(0, len(made), CHUNK):
        some = slice(start, start + CHUNK)
        windows = sliding_window_view(made[some], (DIGIT, DIGIT), (2, 3), writeable=True)
        at = (np.arange(len(windows)), slice(None), *places[some].T)
        ink, below = digits[some, None].astype(np.uint32), windows[at]
        windows[at] = ((255 - ink) * below + 255 * ink + 127) // 255
    return torch.from_numpy(made)
