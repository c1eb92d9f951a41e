"""Exact nearest neighbours, by trees or by blocks, whichever suits the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from torch import Tensor

from ib_cli.estimators.neighbours.blocks import BlockSearch
from ib_cli.estimators.neighbours.tree import TreeSearch

# most dimensions, of all variables together, for which trees are faster: norm → one variable, two (docs/estimators.md)
TREE_WIDTH = {"euclidean": (6, 4), "max": (12, 8)}


class Neighbours(Protocol):
    """Which samples are near some samples."""

    rows: Tensor  # (B,) samples
    neighbours: Tensor  # (B, k) the k nearest others of each


class Neighbourhood(Neighbours, Protocol):
    """The neighbours of some samples, how far they are, and who else is near."""

    distances: Tensor  # (variables, B, k) in float64: to the neighbours, ordered by the largest over variables

    def count(self, variable: int, radius: Tensor, inclusive: bool = False) -> Tensor:
        """Number of other samples nearer in `variable` than `radius` (B,), or, if `inclusive`, not farther; int64."""

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample (N,), the sum of `weights` (B,) over the rows that counted it in the last `count`."""


def suit_trees(variables: Sequence[Tensor], norm: str) -> bool:
    """Whether trees are faster than blocks; ValueError for a norm that is neither 'euclidean' nor 'max'."""
    if norm not in TREE_WIDTH:
        raise ValueError(f"norm must be 'euclidean' or 'max', not {norm!r}")
    width = sum(values.shape[1] for values in variables)
    on_cpu = all(values.device.type == "cpu" for values in variables)
    return on_cpu and width <= TREE_WIDTH[norm][len(variables) - 1]


def neighbourhoods(variables: Sequence[Tensor], k: int, norm: str = "euclidean") -> Iterator[Neighbourhood]:
    """The k nearest neighbours of every sample, exact as if all was done in float64; each sample appears once.

    The distance is the largest over `variables`, one or two tensors (N, d), of the distance within each by `norm`.
    Each neighbourhood is valid until the next one is asked for. Distances that differ by less than 2⁻⁴⁰, relatively,
    are equal. The result carries no gradient.
    """
    search = TreeSearch if suit_trees(variables, norm) else BlockSearch
    yield from search([values.detach() for values in variables], k, norm)
