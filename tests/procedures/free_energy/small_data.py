"""Data of a few vectors whose law may change with t, without files."""

from __future__ import annotations

import torch

from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.normalisation import fit


def clouds(
    labels: int = 3, each: int = 12, n: int = 2, spread: float = 1.5, seed: int = 0, noise: float = 0.2
) -> Split:
    """Clouds of points about corners, one for each label; `noise`: a share of labels that are others."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.5 * torch.randn(labels, n, generator=generator)
    y = torch.arange(labels).repeat_interleave(each)
    x = centres[y] + spread * torch.randn(len(y), n, generator=generator)
    other = torch.rand(len(y), generator=generator) < noise
    return Split(x, torch.where(other, (y + 1) % labels, y))


def weighted(split: Split, weight: torch.Tensor) -> Split:
    return Split(split.x, split.y, weight)


def data(train: Split, test: Split | None = None, labels: int = 3) -> Data:
    spec = Spec(tuple(train.x.shape[1:]), labels, len(train), None, None)
    return Data(spec, {"train": train, "test": test or train}, fit("none", train.x, None), None)


def mixture_at(t: float) -> Data:
    """Clouds that become other clouds, (1 − t) p_s + t p_t."""
    source, target = clouds(), clouds(seed=5)
    both = Split(torch.cat([source.x, target.x]), torch.cat([source.y, target.y]))
    weight = torch.cat([torch.full((len(source),), 2 * (1 - t)), torch.full((len(target),), 2 * t)])
    return data(weighted(both, weight))


def constant_at(t: float) -> Data:
    return data(clouds(), clouds(seed=0, each=5))
