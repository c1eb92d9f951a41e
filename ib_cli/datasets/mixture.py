"""The law (1 − t) p_s + t p_t of two sets of samples, without a copy of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ib_cli.datasets.data import Augmentation, Split
from ib_cli.datasets.source import Drawn

DIGITS = 9  # of tB: 0.29 · 100 is 28.999999999999996 in floating point


@dataclass(frozen=True, eq=False)
class Mixture:
    """p(x, t) = (1 − t) p_s + t p_t (Free-Energy, eq. 23), each the uniform law over its samples.

    A batch of B has ⌊tB⌋ or ⌈tB⌉ samples of the target, tB on average. Within each domain samples come as evenly as in
    a shuffled epoch: of `samples` places, each belongs to ⌊ ⌋ or ⌈ ⌉ of its share. With the same places and the same
    state of the generator, batches at two t differ only in those samples that change from source to target.
    """

    split: Split  # the samples of both, the source's first
    count: int  # n_s, those of the source
    t: float  # from 0, the source, to 1, the target
    augmentation: Augmentation | None = None

    @property
    def samples(self) -> int:
        """Samples of an epoch: those of the larger domain, whatever t is."""
        return max(self.count, len(self.split) - self.count)

    @property
    def y_entropy(self) -> float | None:
        """None: y is a label."""
        return None

    def draw(self, indices: Tensor, generator: Generator) -> Drawn:
        """The samples at these places (B,) of an epoch of `samples`."""
        chosen = self._chosen(indices, generator)
        part, augmentation = self.split, self.augmentation
        x = part.x[chosen] if augmentation is None else augmentation(chosen, generator)
        probabilities = None if part.y_probabilities is None else part.y_probabilities[chosen]
        return Drawn(x, part.y[chosen], probabilities)

    def _chosen(self, indices: Tensor, generator: Generator) -> Tensor:
        """Indices (B,) of samples. Nothing is read back from the device."""
        B, device = len(indices), indices.device
        # float32, below 1 by 2^-24 at least: in float64 a place plus a uniform number is then below the next place
        uniform = torch.rand(B + 1, generator=generator, device=generator.device, dtype=torch.float32).double()
        of_target = torch.arange(B, device=device) < (round(self.t * B, DIGITS) + uniform[-1]).floor()
        places = (indices + uniform[:-1]) / self.samples
        n_s, n_t = self.count, len(self.split) - self.count
        return torch.where(of_target, n_s + (places * n_t).long(), (places * n_s).long())

    def weighted(self, split: Split, count: int) -> Split:
        """A split of both domains, the source's `count` samples first, under the law: views where one counts alone."""
        n_s, n_t = count, len(split) - count
        if self.t in (0.0, 1.0):
            return source_of(split, count) if self.t == 0 else target_of(split, count)
        weight = torch.empty(len(split), device=split.y.device)
        weight[:n_s], weight[n_s:] = (1 - self.t) * len(split) / n_s, self.t * len(split) / n_t
        return replace(split, weight=weight)


def source_of(split: Split, count: int) -> Split:
    """The first `count` samples of a split, as views."""
    return split.map(lambda part: part[:count])


def target_of(split: Split, count: int) -> Split:
    """The samples after the first `count`, as views."""
    return split.map(lambda part: part[count:])
