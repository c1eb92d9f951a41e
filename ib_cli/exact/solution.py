"""An exact optimum: its tables and its functionals."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.special import xlogy

from ib_cli.exact.table import Table, entropy

ROUNDING = 1e-13  # of a sum of functionals with weights of 1


@dataclass(frozen=True, eq=False)
class Solution:
    """An optimum of ρR + δD + γC as tables of float64, K states of z; R, C, D and J in nats.

    The used states come first, the most probable at the front. A state of probability 0 has an empty column in the
    encoder; its decoder and classifier rows are p(x) and p(y).
    """

    rho: float
    delta: float
    gamma: float
    encoder: Tensor = field(repr=False)  # (X, K), e(z|x); m(z) where p(x) = 0
    marginal: Tensor = field(repr=False)  # (K,), m(z)
    decoder: Tensor = field(repr=False)  # (K, X), d(x|z)
    classifier: Tensor = field(repr=False)  # (K, Y), c(y|z)
    R: float  # I(X;Z), as m is the marginal of e
    C: float  # H(Y|Z), as c is Bayes'
    D: float  # H(X|Z), as d is Bayes'
    J: float  # ρR + δD + γC
    gap: float  # proven: J is at most so far above the least J of any number of states (see `tabular.solve`)
    certified: bool  # the gap is within the tolerance
    residual: float  # Hellinger's distance by which one more iteration moves p(z, y)
    iterations: int

    @property
    def states(self) -> int:
        """Number of states that are used."""
        return int((self.marginal > 0).sum())


def from_encoder(
    table: Table,
    multipliers: tuple[float, float, float],
    encoder: Tensor,
    bound: float,
    tolerance: float,
    residual: float = 0.0,
    iterations: int = 0,
) -> Solution:
    """The solution with this encoder (X, K) and its best marginal, decoder and classifier, by Bayes.

    `multipliers` are ρ, δ, γ. `bound` is a lower bound of J over encoders with any number of states. The gap is
    certified where it is at most `tolerance`, times ρ if that is more than 1, or rounding.
    """
    order = (table.x @ encoder).argsort(descending=True, stable=True)
    joint = table.x[:, None] * encoder[:, order]  # p(x, z)
    m = joint.sum(0)
    encoder = torch.where(table.x[:, None] > 0, encoder[:, order], m)
    used = (m > 0)[:, None]
    decoder = torch.where(used, joint.T / m[:, None], table.x)
    classifier = torch.where(used, joint.T @ table.y_given_x / m[:, None], table.y)
    classifier = classifier / classifier.sum(1, keepdim=True)
    rate = float((xlogy(joint, encoder) - xlogy(joint, m)).sum())
    distortion, error = float(m @ entropy(decoder)), float(m @ entropy(classifier))
    rho, delta, gamma = multipliers
    objective = rho * rate + delta * distortion + gamma * error
    gap = max(objective - bound, 0.0)
    return Solution(
        rho,
        delta,
        gamma,
        encoder,
        m,
        decoder,
        classifier,
        R=rate,
        C=error,
        D=distortion,
        J=objective,
        gap=gap,
        certified=gap <= max(tolerance * max(rho, 1), ROUNDING * max(multipliers)),
        residual=residual,
        iterations=iterations,
    )
