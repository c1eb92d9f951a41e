"""Equilibria of (8) to (10): the θ of least −⟨ln Z⟩, solved to rounding from a start, so that paths keep a branch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from ib_cli.exact.gibbs import LEAST, Law, Parameters, best_parameters, costs, encoder, free_energy, functionals
from ib_cli.exact.newton import minimise

SWEEPS = 5  # alternating minimisations before each Newton step
FIRST = 50  # alternating minimisations of each random start, of which the best goes on
CLASS_SHARE = 0.7  # of a random start's c(y|z): the rest is p(y)


@dataclass(frozen=True)
class Equilibrium:
    """θ where ∂J/∂θ = 0, and what is measured there: nats, and D the summed squared error."""

    theta: Parameters = field(repr=False)
    lambda_: float
    gamma: float
    R: float
    D: float
    C: float
    F: float  # R + λD + γC
    accuracy: float  # of the most probable label under Σ_z e(z|x) c(y|z)
    gradient_norm: float  # of ∂J/∂θ, Euclidean, θ as in `Parameters`
    iterations: int  # of Newton's method


def equilibrium(
    law: Law,
    lambda_: float,
    gamma: float,
    start: Parameters,
    *,
    tolerance: float = 1e-10,
    iterations: int = 500,
) -> Equilibrium:
    """The equilibrium that a descent from `start` reaches: alternating minimisation and Newton's method.

    J has many minima. This one is the start's: from the equilibrium at a place nearby a path follows its branch as long
    as that stays a minimum, and says nothing of lower ones. At λ = 0 the means, and at γ = 0 the classifier, do not
    enter J, and are those of the encoder by Bayes. `gradient_norm` is above `tolerance` only where `iterations` end it,
    or rounding. Raises ValueError for λ or γ that are negative or not finite.
    """
    for name, value in (("lambda", lambda_), ("gamma", gamma)):
        if not (value >= 0 and value < float("inf")):
            raise ValueError(f"{name} must be finite and not negative, not {value}")

    def swept(flat: Tensor) -> Tensor:
        theta = start.like(flat)
        for _ in range(SWEEPS):
            theta = best_parameters(law, encoder(law, theta, lambda_, gamma), theta)
        return theta.flat

    found = minimise(
        lambda flat: free_energy(law, start.like(flat), lambda_, gamma),
        start.flat,
        tolerance=tolerance,
        iterations=iterations,
        improved=swept,
        scaling=lambda flat: _inverse_information(start.like(flat), lambda_, gamma),
    )
    theta = start.like(found.at)
    e = encoder(law, theta, lambda_, gamma)
    of = functionals(law, costs(law, theta), theta.c.softmax(1), e)
    return Equilibrium(
        theta,
        lambda_,
        gamma,
        R=of.R,
        D=of.D,
        C=of.C,
        F=of.R + lambda_ * of.D + gamma * of.C,
        accuracy=of.accuracy,
        gradient_norm=found.gradient_norm,
        iterations=found.iterations,
    )


def random_start(law: Law, states: int, lambda_: float, gamma: float, *, restarts: int, seed: int) -> Parameters:
    """The best of several random starts after some alternating minimisations.

    The means of each are `states` draws of x by p(x), its classifiers their p(y|x) mixed with p(y), and m(z) = 1/K.
    Raises ValueError for `states` or `restarts` below 1.
    """
    if states < 1 or restarts < 1:
        raise ValueError(f"states and restarts must be 1 or more, not {states} and {restarts}")
    generator = Generator().manual_seed(seed)
    found: list[tuple[float, Parameters]] = []
    for _ in range(restarts):
        chosen = torch.multinomial(law.p, states, replacement=states > int((law.p > 0).sum()), generator=generator)
        shaken = (
            0.1
            * law.x.std(0, correction=0)
            * torch.randn(states, law.x.shape[1], generator=generator, dtype=torch.float64)
        )
        c = CLASS_SHARE * law.y_given_x[chosen] + (1 - CLASS_SHARE) * law.joint.sum(0)
        theta = Parameters(torch.zeros(states, dtype=torch.float64), law.x[chosen] + shaken, c.clamp(min=LEAST).log())
        for _ in range(FIRST):
            theta = best_parameters(law, encoder(law, theta, lambda_, gamma), theta)
        found.append((float(free_energy(law, theta, lambda_, gamma)), theta))
    return min(found, key=lambda each: each[0])[1]


def _inverse_information(theta: Parameters, lambda_: float, gamma: float) -> Callable[[Tensor], Tensor]:
    """The inverse of J's Hessian at a fixed encoder: of diag(m) − m mᵀ, 2λ m and γ m (diag(c) − c cᵀ).

    It makes all directions of the true Hessian about 1 or less, however rare a z or a label is. A constant added to
    logits changes nothing, and is left out of what it returns.
    """
    m, c = theta.m.softmax(0).clamp(min=LEAST), theta.c.softmax(1).clamp(min=LEAST)

    def scaled(flat: Tensor) -> Tensor:
        of = theta.like(flat)
        of_m = of.m / m
        of_means = of.means / (2 * lambda_ * m[:, None]) if lambda_ > 0 else torch.zeros_like(of.means)
        of_c = of.c / (gamma * m[:, None] * c) if gamma > 0 else torch.zeros_like(of.c)
        return Parameters(of_m - of_m.mean(), of_means, of_c - of_c.mean(1, keepdim=True)).flat

    return scaled
