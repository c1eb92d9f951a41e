"""Sizes of the GPU section: in full, and tiny ones that try it on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Scale:
    """How large the measured work is."""

    points: int  # models together
    images: int  # of MNIST's shape; batches of 100
    large: tuple[tuple[int, ...], int]  # widths and K of the large network
    small: tuple[tuple[int, ...], int]
    colours: int  # images with three channels
    side: int  # of these: 32, as CIFAR-10's
    resnet_batches: tuple[int, ...]
    toys: int  # models of TherML's toy
    toy_epochs: int  # of 100 steps
    compiled: bool  # whether compiled rows are compiled: on a CPU it takes half a minute each
    samples: int  # for KSG and Ross
    matrix: int  # side of the matrices for the floors
    bytes: int  # copied for the floor of memory

    @property
    def device(self) -> torch.device:
        """The GPU if there is one, whatever the size."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")


FULL = Scale(
    points=64,
    images=10_000,
    large=((1024, 1024), 512),
    small=((256,), 32),
    colours=20_000,
    side=32,
    resnet_batches=(1000, 128),
    toys=100,
    toy_epochs=100,
    compiled=True,
    samples=50_000,
    matrix=8192,
    bytes=2**32,
)
TINY = Scale(
    points=2,
    images=100,
    large=((16, 16), 8),
    small=((8,), 4),
    colours=4,
    side=8,
    resnet_batches=(2,),
    toys=2,
    toy_epochs=1,
    compiled=False,
    samples=400,
    matrix=64,
    bytes=2**16,
)
