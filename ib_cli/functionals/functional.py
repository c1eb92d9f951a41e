"""What a functional is: a named map of a pass to nats for each sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ib_cli.contracts import Pass


@dataclass(frozen=True)
class Functional:
    """One of the quantities that objectives are sums of.

    `needs` names the fields of `Pass` that it reads beside x, y and z, and so the parts that a model must have.
    One that is `costly` is measured only where the objective has it. What belongs to no sample, as S, is a scalar.
    """

    symbol: str
    meaning: str  # in a few words, for help texts and tables
    needs: frozenset[str]
    nats: Callable[[Pass], Tensor]  # → (B,) or ()
    costly: bool = False

    def measurable(self, p: Pass) -> bool:
        """Whether a pass has all that it reads."""
        return all(getattr(p, need) is not None for need in self.needs)


def functional(
    symbol: str, meaning: str, *needs: str, costly: bool = False
) -> Callable[[Callable[[Pass], Tensor]], Functional]:
    """Decorator that makes a function of a pass the functional of its module."""
    return lambda nats: Functional(symbol, meaning, frozenset(needs), nats, costly)
