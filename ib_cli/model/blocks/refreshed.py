"""Parts of a model whose buffers are made from sums over the train split."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from ib_cli.contracts.passes import Pass


class Refreshed(nn.Module):
    """A part that is refreshed before each evaluation: `sums` of all passes of the train split go into `made_of`."""

    refreshed_in_training = False  # True: before each epoch of training as well

    @abstractmethod
    def sums(self, p: Pass) -> Tensor:
        """The sums over a batch."""

    @abstractmethod
    def made_of(self, sums: Tensor) -> dict[str, Tensor]:
        """The values of the part's buffers by name, given the sums over the train split, with any leading axes."""
