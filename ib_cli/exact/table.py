"""A joint table p(x, y), checked before anything is computed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

SUM_TOLERANCE = 1e-6  # largest deviation of a table's sum from 1, enough for rounding to float32


def entropy(p: Tensor) -> Tensor:
    """−Σ p ln p in nats over the last dimension, with 0 ln 0 = 0."""
    return torch.special.entr(p).sum(-1)


@dataclass(frozen=True, eq=False, init=False)
class Table:
    """p(x, y) of discrete x and y; entropies and information in nats.

    A row of probability 0 is a value that x never takes: it stays in the table, and p(y) stands for its p(y|x). Raises
    ValueError for a table that is not (X, Y), or has values that are negative or not finite, or does not sum to 1
    within 1e-6. The table is then scaled to sum to 1 to the last bit.
    """

    joint: Tensor = field(repr=False)  # (X, Y), float64 on the CPU

    def __init__(self, joint: Tensor | Sequence[Sequence[float]]) -> None:
        joint = torch.as_tensor(joint, dtype=torch.float64, device="cpu").detach()
        if joint.dim() != 2 or not joint.numel():
            raise ValueError(f"a joint table has the shape (values of x, values of y), not {tuple(joint.shape)}")
        if not joint.isfinite().all():
            raise ValueError(f"a joint table is finite; {int((~joint.isfinite()).sum())} of its values are not")
        if (joint < 0).any():
            raise ValueError(f"a joint table has no negative values; its smallest is {float(joint.min()):g}")
        if abs(float(joint.sum()) - 1) > SUM_TOLERANCE:
            raise ValueError(f"a joint table sums to 1, not to {float(joint.sum()):.9g}")
        object.__setattr__(self, "joint", joint / joint.sum())

    @cached_property
    def x(self) -> Tensor:
        """p(x), (X,)."""
        return self.joint.sum(1)

    @cached_property
    def y(self) -> Tensor:
        """p(y), (Y,)."""
        return self.joint.sum(0)

    @cached_property
    def y_given_x(self) -> Tensor:
        """p(y|x), (X, Y); p(y) where p(x) = 0."""
        return torch.where(self.x[:, None] > 0, self.joint / self.x[:, None], self.y)

    @property
    def x_entropy(self) -> float:
        """H(X)."""
        return float(entropy(self.x))

    @property
    def y_entropy(self) -> float:
        """H(Y)."""
        return float(entropy(self.y))

    @property
    def conditional_entropy(self) -> float:
        """H(Y|X)."""
        return float(self.x @ entropy(self.y_given_x))

    @property
    def information(self) -> float:
        """I(X;Y)."""
        return self.y_entropy - self.conditional_entropy
