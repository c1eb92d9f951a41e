"""Functionals: named maps from a Pass to nats, per sample or for the batch as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ib_cli.contracts.passes import Pass


@dataclass(frozen=True)
class Functional:
    """A quantity that an objective can contain.

    `needs` names the fields of `Pass` that it reads besides x, y and z, and so the parts that a model must have.
    `beside` names those of them that it does not read: parts that are measured beside it and that it cannot train.
    A `costly` functional is measured only if the objective contains it. A functional without a value per sample, such
    as S, is a scalar.

    A functional that is not a mean over samples, such as a variance or the entropy of p(z), is the function `of_sums`
    of sums over samples, `sums`: over a batch in training, over the whole split in an evaluation. So its value does not
    depend on how the split is cut into batches.
    """

    symbol: str
    meaning: str  # in a few words, for help texts and tables
    needs: frozenset[str]
    nats: Callable[[Pass], Tensor]  # → (B,) or ()
    costly: bool = False
    continuous: bool = False  # whether it has no meaning for a discrete z
    sums: Callable[[Pass], Tensor] | None = None  # weighted sums over the batch
    of_sums: Callable[[Tensor], Tensor] | None = None  # → ()
    beside: frozenset[str] = frozenset()

    @property
    def reads(self) -> frozenset[str]:
        """The fields that its value, and so its gradient, depends on."""
        return self.needs - self.beside

    @property
    def needs_noise(self) -> bool:
        """Whether it is unbounded below for noiseless z, as functions of variances are."""
        return self.continuous and self.of_sums is not None

    def measurable(self, p: Pass) -> bool:
        """Whether the pass has all the fields that it reads, and a z that it has a meaning for."""
        if self.continuous and p.z_weight is not None:
            return False
        return all(getattr(p, need) is not None for need in self.needs)


def functional(
    symbol: str, meaning: str, *needs: str, costly: bool = False, continuous: bool = False
) -> Callable[[Callable[[Pass], Tensor]], Functional]:
    """Decorator that makes a function of a Pass a `Functional`."""
    return lambda nats: Functional(symbol, meaning, frozenset(needs), nats, costly, continuous)


def of_whole(
    symbol: str,
    meaning: str,
    *needs: str,
    sums: Callable[[Pass], Tensor],
    costly: bool = False,
    continuous: bool = False,
    beside: str | None = None,
) -> Callable[[Callable[[Tensor], Tensor]], Functional]:
    """Decorator that makes a function of sums over samples a `Functional` of the whole batch or split."""

    def named(of_sums: Callable[[Tensor], Tensor]) -> Functional:
        def nats(p: Pass) -> Tensor:
            return of_sums(sums(p)).to(p.z.dtype)

        measured = frozenset() if beside is None else frozenset({beside})
        return Functional(
            symbol, meaning, measured | {*needs}, nats, costly, continuous, sums, of_sums, beside=measured
        )

    return named
