"""An objective: a weighted sum of functionals, and the only place where samples are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import overload

from torch import Tensor

from ib_cli.config.multipliers import parse_weight
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.functionals.functional import Functional


@dataclass(frozen=True)
class Term:
    """coefficient · Π multipliers · (mean of the functional)^power."""

    functional: Functional
    power: int
    coefficient: float
    multipliers: tuple[str, ...]

    def weight(self, multipliers: Mapping[str, Tensor | float]) -> Tensor | float:
        """The factor of the functional: coefficient · Π multipliers."""
        weight: Tensor | float = self.coefficient
        for name in self.multipliers:
            weight = weight * multipliers[name]
        return weight

    @property
    def symbol(self) -> str:
        """`R`, or `R^2`."""
        return self.functional.symbol if self.power == 1 else f"{self.functional.symbol}^{self.power}"


def parse_symbol(text: str) -> tuple[str, int]:
    """`R^2` as ("R", 2). Raises ConfigError unless the power is a positive whole number."""
    symbol, mark, power = text.partition("^")
    if mark and not (power.isdecimal() and int(power) > 0):
        raise ConfigError(f"objective.minimise.{text}: a power is a positive whole number, as in {symbol}^2")
    return symbol, int(power) if mark else 1


class Objective:
    """Minimise Σ weight · functional, each functional a mean over the batch of per-sample nats, or a power of it."""

    def __init__(self, minimise: Mapping[str, str | float], own: Mapping[str, Functional] | None = None) -> None:
        """`minimise` maps symbols of functionals, such as `R` or `R^2`, to weights; `own`: further functionals.

        Raises ConfigError for an unknown symbol or weight.
        """
        self.known = known = {**functionals(), **(own or {})}  # symbol → functional
        parsed = {text: parse_symbol(text) for text in minimise}
        for text, (symbol, _) in parsed.items():
            if symbol not in known:
                raise ConfigError(f"objective.minimise.{text}: no such functional; there are {', '.join(known)}")
        if not minimise:
            raise ConfigError("objective.minimise is empty: name at least one functional, for example {C: 1}")
        if all(parse_weight(symbol, text)[0] == 0 for symbol, text in minimise.items()):
            raise ConfigError("objective.minimise: every weight is 0, so there is nothing to minimise")
        self.terms = tuple(
            Term(known[symbol], power, *parse_weight(text, minimise[text])) for text, (symbol, power) in parsed.items()
        )

    @property
    def needs(self) -> frozenset[str]:
        """The fields of a Pass that the functionals read, and so the parts that the model must have."""
        return frozenset().union(*(term.functional.needs for term in self.terms))

    def required(self, multipliers: Mapping[str, float]) -> frozenset[str]:
        """The fields that J needs with these multipliers: a term of weight 0 needs none."""
        return frozenset().union(*(each.needs for each in self.weighted(multipliers)))

    def weighted(self, multipliers: Mapping[str, float]) -> list[Functional]:
        """The functionals whose weight is not 0."""
        return [term.functional for term in self.terms if term.weight(multipliers) != 0]

    @property
    def multipliers(self) -> tuple[str, ...]:
        """The multipliers that occur, in the order of the terms."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term.multipliers))

    @property
    def signed(self) -> frozenset[str]:
        """The multipliers that take weight from one term for another, as in a mix: these may be negative."""
        signs: dict[str, set[bool]] = {}
        for term in self.terms:
            for name in term.multipliers:
                signs.setdefault(name, set()).add(term.coefficient > 0)
        return frozenset(name for name, found in signs.items() if len(found) == 2)

    def __call__(self, p: Pass, multipliers: Mapping[str, Tensor | float]) -> tuple[Tensor, dict[str, Tensor]]:
        """J, a scalar, and the batch mean of each functional by symbol.

        A term whose weight is the number 0 is only measured, and only if the model has the parts for it.
        """
        asked = {term.functional.symbol: term.functional for term in self.terms}
        means = {symbol: p.mean(entry.nats(p)) for symbol, entry in asked.items() if entry.measurable(p)}
        return self.total(means, multipliers), means

    @overload
    def total(self, means: Mapping[str, Tensor], multipliers: Mapping[str, Tensor | float]) -> Tensor: ...

    @overload
    def total(self, means: Mapping[str, float], multipliers: Mapping[str, float]) -> float: ...

    def total(
        self, means: Mapping[str, Tensor] | Mapping[str, float], multipliers: Mapping[str, Tensor | float]
    ) -> Tensor | float:
        """J from means of the functionals. The number 0 as a weight adds 0 even if the mean is infinite or missing."""
        J: Tensor | float = 0.0
        for term in self.terms:
            weight, symbol = term.weight(multipliers), term.functional.symbol
            # The value of a tensor must not be read here; all means that are `required` have been checked before.
            counts = symbol in means if isinstance(weight, Tensor) else weight != 0
            if counts and term.coefficient != 0:
                mean = means[symbol]
                J = J + weight * (mean if term.power == 1 else mean**term.power)
        return J

    def lagrangian(self, multipliers: Mapping[str, float]) -> str:
        """The sum with numbers, such as `C + 0.01 R`; terms of weight 0 are left out."""
        text = ""
        for term in self.terms:
            weight = float(term.weight(multipliers))
            if weight == 0:
                continue
            sign = "-" if weight < 0 else "+"
            text += f" {sign} " if text else ("-" if weight < 0 else "")
            text += term.symbol if abs(weight) == 1 else f"{abs(weight):g} {term.symbol}"
        return text or "0"
