"""What a functional is: a named map of a pass to nats, for each sample or of the batch as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ib_cli.contracts.passes import Pass


@dataclass(frozen=True)
class Functional:
    """One of the quantities that objectives are sums of.

    `needs` names the fields of `Pass` that it reads beside x, y and z, and so the parts that a model must have.
    One that is `costly` is measured only where the objective has it. What belongs to no sample, as S, is a scalar.

    What is no mean over samples, such as a variance or the entropy of p(z), is a function `of_sums` of `sums` over
    them: over a batch in training, and in an evaluation over the whole split, so that it does not depend on how that is
    cut.
    """

    symbol: str
    meaning: str  # in a few words, for help texts and tables
    needs: frozenset[str]
    nats: Callable[[Pass], Tensor]  # → (B,) or ()
    costly: bool = False
    continuous: bool = False  # whether it has no meaning for a discrete z
    sums: Callable[[Pass], Tensor] | None = None  # over the batch, each sample as often as it weighs
    of_sums: Callable[[Tensor], Tensor] | None = None  # → ()

    @property
    def needs_noise(self) -> bool:
        """Whether it falls without end as a z shrinks that has no noise of its own: what is of variances does."""
        return self.continuous and self.of_sums is not None

    def measurable(self, p: Pass) -> bool:
        """Whether a pass has all that it reads."""
        if self.continuous and p.z_weight is not None:
            return False
        return all(getattr(p, need) is not None for need in self.needs)


def functional(
    symbol: str, meaning: str, *needs: str, costly: bool = False, continuous: bool = False
) -> Callable[[Callable[[Pass], Tensor]], Functional]:
    """Decorator that makes a function of a pass the functional of its module."""
    return lambda nats: Functional(symbol, meaning, frozenset(needs), nats, costly, continuous)


def of_whole(
    symbol: str,
    meaning: str,
    *needs: str,
    sums: Callable[[Pass], Tensor],
    costly: bool = False,
    continuous: bool = False,
) -> Callable[[Callable[[Tensor], Tensor]], Functional]:
    """Decorator that makes a function of sums over samples a functional of the batch, or the split, as a whole."""

    def named(of_sums: Callable[[Tensor], Tensor]) -> Functional:
        def nats(p: Pass) -> Tensor:
            return of_sums(sums(p)).to(p.z.dtype)

        return Functional(symbol, meaning, frozenset(needs), nats, costly, continuous, sums, of_sums)

    return named
