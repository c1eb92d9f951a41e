"""R + λD + γC of a discrete z with its best encoder, the Gibbs law of a decoder of fixed variance and a classifier.

A Free-Energy Principle for Representation Learning, (8) to (10). Letters of shapes: X values of x with n dimensions, K
values of z, Y labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import xlogy

LEAST = 1e-300  # smallest probability whose logarithm is taken


@dataclass(frozen=True, eq=False)
class Law:
    """A law of x and y: vectors, and the probability of each with each label."""

    x: Tensor = field(repr=False)  # (X, n) float64
    joint: Tensor = field(repr=False)  # (X, Y) float64, sums to 1; a row of zeros is an x that never comes

    def __post_init__(self) -> None:
        """Raises ValueError for shapes that do not fit, and for what is no probability."""
        if self.x.dim() != 2 or self.joint.dim() != 2 or len(self.x) != len(self.joint):
            raise ValueError(f"x (X, n) and joint (X, Y) do not fit: {tuple(self.x.shape)}, {tuple(self.joint.shape)}")
        if not (self.x.isfinite().all() and (self.joint >= 0).all()) or abs(float(self.joint.sum()) - 1) > 1e-6:
            raise ValueError("x must be finite, and joint a table of probabilities that sum to 1")

    @cached_property
    def p(self) -> Tensor:
        """p(x), (X,)."""
        return self.joint.sum(1)

    @cached_property
    def y_given_x(self) -> Tensor:
        """p(y|x), (X, Y); zeros where p(x) = 0, so that an x without a label does not enter the encoder by C."""
        return torch.where(self.p[:, None] > 0, self.joint / self.p[:, None], 0.0)


class Parameters(NamedTuple):
    """θ: all that is free beside the encoder."""

    m: Tensor  # (K,) logits of m(z)
    means: Tensor  # (K, n) of d(x|z) = N(means, ½)
    c: Tensor  # (K, Y) logits of c(y|z)

    @property
    def flat(self) -> Tensor:
        """All in one vector (P,)."""
        return torch.cat([part.flatten() for part in self])

    def like(self, flat: Tensor) -> Parameters:
        """The parameters of such a vector."""
        parts = flat.split([part.numel() for part in self])
        return Parameters(*(new.view_as(own) for new, own in zip(parts, self)))


class Costs(NamedTuple):
    """What a pair (x, z) costs, (X, K) each, in nats but for D."""

    rate: Tensor  # −ln m(z), (K,)
    distortion: Tensor  # ‖x − means_z‖²: −ln d(x|z) less (n/2) ln π
    error: Tensor  # −Σ_y p(y|x) ln c(y|z)

    def hamiltonian(self, lambda_: float, gamma: float) -> Tensor:
        """H(z; x) = −ln m − λ ln d − γ Σ p(y|x) ln c (11), less a constant of λ; (X, K)."""
        return self.rate + lambda_ * self.distortion + gamma * self.error


@dataclass(frozen=True)
class Functionals:
    """Means over a law, with the Gibbs encoder or another; nats, D the summed squared error."""

    R: float
    D: float
    C: float
    accuracy: float  # of the most probable label under Σ_z e(z|x) c(y|z)


def costs(law: Law, theta: Parameters) -> Costs:
    """The three terms of H, as differentiable functions of θ."""
    squares = law.x.square().sum(1)[:, None] + theta.means.square().sum(1) - 2 * law.x @ theta.means.T
    return Costs(-theta.m.log_softmax(0), squares, -law.y_given_x @ theta.c.log_softmax(1).T)


def free_energy(law: Law, theta: Parameters, lambda_: float, gamma: float) -> Tensor:
    """J(θ) = −⟨ln Z⟩ (14), the least R + λD + γC over encoders at this θ; a differentiable scalar."""
    return -law.p @ (-costs(law, theta).hamiltonian(lambda_, gamma)).logsumexp(1)


def encoder(law: Law, theta: Parameters, lambda_: float, gamma: float) -> Tensor:
    """e(z|x) = exp(−H)/Z (9), (X, K)."""
    return (-costs(law, theta).hamiltonian(lambda_, gamma)).softmax(1)


def functionals(law: Law, of: Costs, c: Tensor, e: Tensor) -> Functionals:
    """R, D and C from costs (X, K), c(y|z) (K, Y) and an encoder e(z|x) (X, K), which may be another law's."""
    joint = law.p[:, None] * e
    predicted = (e @ c).argmax(1, keepdim=True)
    return Functionals(
        R=float((xlogy(joint, e) + joint * of.rate).sum()),
        D=float((joint * of.distortion).sum()),
        C=float((joint * of.error).sum()),
        accuracy=float(law.joint.gather(1, predicted).sum()),
    )


def best_parameters(law: Law, e: Tensor, before: Parameters) -> Parameters:
    """The θ of least R + λD + γC for an encoder: m(z) = p(z), means_z = E[x|z], c(y|z) = p(y|z), whatever λ and γ.

    A z of probability 0 keeps the means and the classifier that it had.
    """
    joint = law.p[:, None] * e
    m = joint.sum(0)
    used, mass = (m > LEAST)[:, None], m.clamp(min=LEAST)[:, None]
    means = torch.where(used, joint.T @ law.x / mass, before.means)
    c = (joint.T @ law.y_given_x / mass).clamp(min=LEAST).log()
    return Parameters(m.clamp(min=LEAST).log(), means, torch.where(used, c, before.c))
