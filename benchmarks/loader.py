"""Batches from data that live on the device against torchvision's data sets behind a DataLoader.

Both sides do the same work on one epoch of shuffled batches of 128: MNIST turned to [0, 1], and CIFAR-10 with random
crops, flips and normalised channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.measure import Options, Ratio, Row, in_turns, rate
from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.data import Data
from ib_cli.datasets.mnist import Mnist
from ib_cli.system.torchvision_import import import_torchvision

TITLE = "Loader: resident tensors against torchvision's data sets behind a DataLoader"
BATCH, IMAGES = 128, 20_000
OPTIONS: dict[str, Any] = {
    "likelihood": "gaussian",
    "classes": None,
    "train_size": IMAGES,
    "test_size": None,
    "validation_size": 0,
    "label_noise": 0.0,
    "seed": 0,
    "download": False,
}
Epoch = Callable[[], Iterator[Any]]


def resident(data: Data) -> Epoch:
    """An epoch of our batches."""
    generator = torch.Generator(data.device).manual_seed(0)

    def epoch() -> Iterator[Any]:
        order = torch.randperm(data.spec.train_size, generator=generator, device=data.device)
        for indices in order.split(BATCH):
            yield data.batch("train", indices, generator)

    return epoch


def loader(dataset: Any, workers: int) -> Epoch:
    """An epoch of a DataLoader's batches; its workers stay alive from one epoch to the next."""
    batches = torch.utils.data.DataLoader(
        dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: iter(batches)


def seconds(epoch: Epoch) -> float:
    start = time.perf_counter()
    for _ in epoch():
        pass
    return time.perf_counter() - start


def rows(options: Options) -> Iterator[Row]:
    """Images per second of both data sets, against a DataLoader without and with two workers."""
    root = str(options.root)
    vision = import_torchvision()
    pixels = vision.transforms.ToTensor()
    mnist = Mnist(**OPTIONS, root=root, normalise="unit", crop=0, flip=False).load("cpu")
    cifar = Cifar10(**OPTIONS, root=root, normalise="standard", crop=4, flip=True).load("cpu")
    scale, shift = cifar.affine.scale.flatten(), cifar.affine.shift.flatten()
    augmented = vision.transforms.Compose(
        [
            vision.transforms.RandomCrop(32, 4),
            vision.transforms.RandomHorizontalFlip(),
            pixels,
            vision.transforms.Normalize((-shift / scale / 255).tolist(), (1 / scale / 255).tolist()),
        ]
    )
    cases = [
        ("MNIST", mnist, vision.datasets.MNIST(root, transform=pixels)),
        ("CIFAR-10, augmented", cifar, vision.datasets.CIFAR10(root, transform=augmented)),
    ]
    for name, data, peer in cases:
        subset = torch.utils.data.Subset(peer, range(IMAGES))
        for workers in (0, 2):
            sides = [resident(data), loader(subset, workers)]
            turns = in_turns([partial(seconds, side) for side in sides], options.repeats)
            yield Ratio(f"{name}; other: {workers} workers", turns, rate(IMAGES, "images"))
