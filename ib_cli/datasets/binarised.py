"""Grey levels that become black or white once, before training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.stable_draws import StableDraws

if TYPE_CHECKING:
    from ib_cli.datasets.dataset import Arrays

CHUNK = 1000  # images drawn at a time: a raw number takes eight bytes


def binarised(arrays: Arrays, seed: int) -> Arrays:
    """Each value v of the levels 0 … L − 1 becomes 1 with probability v/(L − 1), else 0; both splits, two levels.

    This is static binarisation (Larochelle and Murray 2011, §5): drawn once, so every epoch and every evaluation sees
    the same images. A sample's draw depends on `seed` and on its place in the stored split, not on which others are
    kept. Raises ConfigError for values that are no levels, or use fewer than half of them, and for images that are
    made only when they are kept.
    """
    if arrays.levels is None:
        raise ConfigError("dataset.binarise: must be false for real numbers: it is for pixels of equally spaced levels")
    if arrays.paint is not None:
        raise ConfigError("dataset.binarise: must be false for images that are made as they are loaded")
    largest = int(arrays.train.x.max())
    if largest < arrays.levels // 2:
        raise ConfigError(
            f"dataset.binarise: a pixel v becomes 1 with probability v/{arrays.levels - 1}, and the largest is "
            f"{largest}: store levels 0 … {arrays.levels - 1}, or set it to false"
        )
    train, test = (
        replace(split, x=_drawn(split.x, arrays.levels, StableDraws(seed, f"binarise, {name}")))
        for name, split in (("train", arrays.train), ("test", arrays.test))
    )
    return replace(arrays, train=train, test=test, levels=2)


def _drawn(x: Tensor, levels: int, draws: StableDraws) -> Tensor:
    """0 or 1 in place of each of x, (N, …), uint8."""
    drawn = torch.empty(x.shape, dtype=torch.uint8)
    for start in range(0, len(x), CHUNK):
        some = slice(start, start + CHUNK)
        drawn[some] = torch.from_numpy(draws.below(levels - 1, *x[some].shape)) < x[some]
    return drawn
