"""A law that training batches are drawn from, in place of the stored samples of the train split."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Generator, Tensor


class Drawn(NamedTuple):
    """Samples as they are stored: before normalisation."""

    x: Tensor  # (B, *input_shape)
    y: Tensor  # (B,) int64 labels, or (B, d) float32
    y_probabilities: Tensor | None = None  # (B, classes): p(y|x) of labels that are not certain; None: y is certain


class Source(Protocol):
    """A law p(x, y). `JointGaussian` draws from a formula, `Mixture` from two sets of stored samples."""

    def draw(self, indices: Tensor, generator: Generator) -> Drawn:
        """B samples on the generator's device. The same state of the generator makes the same ones.

        `indices` (B,): the places of the batch in the epoch's order of 0 … n − 1, n being the samples of an epoch.
        """

    @property
    def y_entropy(self) -> float | None:
        """h(Y) of a continuous y in nats; None where it is not known, or y is a label."""
