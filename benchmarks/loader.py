"""Batches from data that live on the device against torchvision's data sets behind a DataLoader.

    python -m benchmarks.loader --root DIR      # DIR holds MNIST/raw and cifar-10-batches-py; about two minutes

Both sides do the same work on one epoch of shuffled batches of 128: MNIST turned to [0, 1], and CIFAR-10 with random
crops, flips and normalised channels. They take turns in one process, so that a busy machine slows both; a ratio is that
of two neighbouring epochs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch

from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.data import Data
from ib_cli.datasets.mnist import Mnist
from ib_cli.torchvision_operators import import_torchvision

BATCH = 128
OPTIONS: dict[str, Any] = {
    "likelihood": "gaussian",
    "classes": None,
    "train_size": None,
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


def compare(name: str, data: Data, peer: Any, workers: int, repeats: int) -> str:
    """One line of the table, from interleaved epochs after one of each to warm up."""
    ours, theirs = resident(data), loader(peer, workers)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats + 1)][1:]
    ratios = [slow / fast for fast, slow in pairs]
    rates = [data.spec.train_size / median(side) for side in zip(*pairs)]
    return (
        f"{name:<9}{workers:>8}{rates[0]:>15,.0f}{rates[1]:>17,.0f}"
        f"{median(ratios):>9.1f}{min(ratios):>8.1f}{max(ratios):>8.1f}"
    )


def main() -> None:
    """Prints images per second on both sides and their ratios: median, least and greatest."""
    parser = argparse.ArgumentParser(description="Resident data against torchvision's DataLoader path.")
    parser.add_argument("--root", required=True, help="folder that holds MNIST/raw and cifar-10-batches-py")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of epochs for each line")
    arguments = parser.parse_args()

    vision = import_torchvision()
    pixels = vision.transforms.ToTensor()
    mnist = Mnist(**OPTIONS, root=arguments.root, normalise="unit", crop=0, flip=False).load("cpu")
    cifar = Cifar10(**OPTIONS, root=arguments.root, normalise="standard", crop=4, flip=True).load("cpu")
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
        ("MNIST", mnist, vision.datasets.MNIST(arguments.root, transform=pixels)),
        ("CIFAR-10", cifar, vision.datasets.CIFAR10(arguments.root, transform=augmented)),
    ]
    print(f"{torch.get_num_threads()} threads, batches of {BATCH}")
    print("data      workers  ours, images/s  theirs, images/s    ratio   least  greatest")
    for name, data, peer in cases:
        for workers in (0, 2):
            print(compare(name, data, peer, workers, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
