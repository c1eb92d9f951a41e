"""MNIST with its pixels in another order."""

from dataclasses import dataclass, replace

from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays
from ib_cli.datasets.mnist import Mnist


@dataclass(frozen=True, kw_only=True)
class PermutedMnist(Mnist):
    """MNIST whose 784 pixels are permuted, the same way in every image, in an order that `seed` draws."""

    def read(self) -> Arrays:
        arrays = super().read()
        order = self.shuffled(28 * 28, "pixels")

        def permuted(split: Split) -> Split:
            return replace(split, x=split.x.flatten(1)[:, order].view_as(split.x))

        return replace(arrays, train=permuted(arrays.train), test=permuted(arrays.test))
