"""The objective of a curve's runs as a function of its multipliers: J = Σ weight · functional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from ib_cli.config.multipliers import parse_weight
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import GREEK

Values = Mapping[str, np.ndarray]


class Term(NamedTuple):
    """coefficient · Π multipliers · functional."""

    functional: str
    coefficient: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Lagrangian:
    """J as a sum of terms. `last` is a function of the other functionals on the frontier, as in R(C, D)."""

    terms: tuple[Term, ...]

    @classmethod
    def of(cls, minimise: Mapping[str, str | float]) -> Lagrangian | None:
        """From an objective's `minimise`; None for weights that this version cannot read."""
        try:
            return cls(tuple(Term(name, *parse_weight(name, text)) for name, text in minimise.items()))
        except ConfigError:  # a later version's objective
            return None

    @property
    def functionals(self) -> tuple[str, ...]:
        """Functionals of the terms."""
        return tuple(dict.fromkeys(term.functional for term in self.terms))

    @property
    def multipliers(self) -> tuple[str, ...]:
        """Multipliers in the weights."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term.names))

    @property
    def last(self) -> str:
        """The functional on the left of the first law: R, else the first one."""
        return "R" if "R" in self.functionals else self.functionals[0]

    def weight(self, functional: str, at: Values) -> np.ndarray:
        """The weight of a functional, with the multipliers' values `at`."""
        own = [term for term in self.terms if term.functional == functional]
        return np.asarray(sum(term.coefficient * prod(at[name] for name in term.names) for term in own))

    def objective(self, at: Values, values: Values) -> np.ndarray:
        """J = Σ weight · functional."""
        return np.asarray(sum(self.weight(name, at) * values[name] for name in self.functionals))

    def conjugate(self, multiplier: str, at: Values, values: Values) -> np.ndarray:
        """∂J/∂multiplier at fixed functionals: C for γ, S/N for σ (TherML eq. 34), nats."""
        total = np.zeros(())
        for term in self.terms:
            for i in (i for i, name in enumerate(term.names) if name == multiplier):
                others = term.names[:i] + term.names[i + 1 :]
                total = total + term.coefficient * prod(at[name] for name in others) * values[term.functional]
        return total

    def linear(self, multiplier: str) -> bool:
        """True if J at fixed functionals is linear in the multiplier; the minimum of J is then concave in it."""
        return all(term.names.count(multiplier) <= 1 for term in self.terms)

    def letter(self, multiplier: str) -> str:
        """Symbol of the multiplier's conjugate: `C`, or `∂J/∂γ` if it is not a single functional."""
        own = [term for term in self.terms if multiplier in term.names]
        if len(own) == 1 and own[0].coefficient == 1 and own[0].names == (multiplier,):
            return own[0].functional
        return f"∂J/∂{GREEK[multiplier]}"
