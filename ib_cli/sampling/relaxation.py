"""How a law of parameters relaxes to equilibrium, where that is known exactly: Gaussians and tables.

J(p) = ⟨E⟩_p + S(p)/β with S = KL(p ‖ q), and KL(p ‖ π) = β (J(p) − J(π)), J(π) = −ln Z/β (TherML eqs. 35 – 38). J(p)
and KL(p ‖ π) fall with each step of a chain whose stationary law is π (eq. 39).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """N(mean, covariance) of d numbers."""

    mean: Tensor  # (d,)
    covariance: Tensor  # (d, d)

    def divergence(self, other: Gaussian) -> float:
        """KL(this ‖ other) in nats."""
        away = other.mean - self.mean
        solved = torch.linalg.solve(other.covariance, torch.cat([self.covariance, away.unsqueeze(1)], dim=1))
        logs = torch.logdet(other.covariance) - torch.logdet(self.covariance)
        return float((torch.trace(solved[:, :-1]) + away @ solved[:, -1] - len(away) + logs) / 2)


@dataclass(frozen=True)
class Quadratic:
    """E(θ) = ½ (θ − centre)ᵀ A (θ − centre), with q(θ) = N(0, prior²): all is known in closed form."""

    matrix: Tensor  # A, (d, d), symmetric, positive semi-definite
    centre: Tensor  # (d,)

    def __call__(self, theta: Tensor) -> Tensor:
        """θ (M, d) → (M,)."""
        away = theta - self.centre
        return ((away @ self.matrix) * away).sum(1) / 2

    def prior(self, prior: float) -> Gaussian:
        """q = N(0, prior²)."""
        return Gaussian(torch.zeros_like(self.centre), prior**2 * torch.eye(len(self.centre), dtype=self.matrix.dtype))

    def equilibrium(self, beta: float, prior: float) -> Gaussian:
        """π(θ) = q(θ) exp(−β E(θ))/Z."""
        precision = self._precision(beta, prior)
        return Gaussian(torch.linalg.solve(precision, beta * self.matrix @ self.centre), torch.linalg.inv(precision))

    def log_partition(self, beta: float, prior: float) -> float:
        """ln Z, Z = ∫ q(θ) exp(−β E(θ)) dθ (TherML eq. 20)."""
        pull = beta * self.matrix @ self.centre
        precision, d = self._precision(beta, prior), len(self.centre)
        exponent = (pull @ torch.linalg.solve(precision, pull) - self.centre @ pull) / 2
        return float(exponent - torch.logdet(precision) / 2) - d * math.log(prior)

    def mean(self, law: Gaussian) -> float:
        """⟨E⟩ under a Gaussian law."""
        return float(self(law.mean.unsqueeze(0)) + torch.trace(self.matrix @ law.covariance) / 2)

    def objective(self, law: Gaussian, beta: float, prior: float) -> float:
        """J of a Gaussian law."""
        return self.mean(law) + law.divergence(self.prior(prior)) / beta

    def relaxed(self, law: Gaussian, beta: float, prior: float, time: float) -> Gaussian:
        """The law after a `time` of dθ = −½ ∇U dt + dW, U = β E + |θ|²/(2 prior²), from the Gaussian `law`."""
        end = self.equilibrium(beta, prior)
        decay = torch.linalg.matrix_exp(-time / 2 * self._precision(beta, prior))
        mean = end.mean + decay @ (law.mean - end.mean)
        return Gaussian(mean, end.covariance + decay @ (law.covariance - end.covariance) @ decay.mT)

    def _precision(self, beta: float, prior: float) -> Tensor:
        return beta * self.matrix + torch.eye(len(self.centre), dtype=self.matrix.dtype) / prior**2


@dataclass(frozen=True)
class Table:
    """A system with n states of energies E and prior probabilities q; laws are vectors (n,)."""

    energy: Tensor  # (n,)
    prior: Tensor  # (n,), of sum 1
    beta: float

    @property
    def log_partition(self) -> float:
        """ln Σ q exp(−β E)."""
        return float((self.prior.log() - self.beta * self.energy).logsumexp(0))

    @property
    def log_equilibrium(self) -> Tensor:
        """ln π."""
        return (self.prior.log() - self.beta * self.energy).log_softmax(0)

    @property
    def equilibrium(self) -> Tensor:
        """π."""
        return self.log_equilibrium.exp()

    def objective(self, law: Tensor) -> float:
        """J of a law."""
        return float(law @ self.energy) + divergence(law, self.prior) / self.beta

    def away(self, law: Tensor) -> float:
        """KL(law ‖ π) in nats, also where π is too small for a floating-point number."""
        return float(torch.special.xlogy(law, law).sum() - law @ self.log_equilibrium)

    def transitions(self, log_proposals: Tensor) -> Tensor:
        """Row-stochastic (n, n): j proposed at i with r_ij, accepted with min(1, π_j r_ji/(π_i r_ij)) (Hastings 1970).

        `log_proposals` (n, n) holds ln r; each row of r sums to 1, and ln r is −∞ where nothing is proposed.
        """
        flow = self.log_equilibrium.unsqueeze(1) + log_proposals
        accepted = (flow.mT - flow).exp().clamp(max=1).nan_to_num(0.0)  # NaN where neither is proposed
        proposed = log_proposals.exp()
        moved = proposed * accepted
        stays = torch.diag((proposed - moved).sum(1))  # a sum without negative terms, unlike 1 less the moves
        return moved + stays


def langevin_proposals(places: Tensor, gradient: Tensor, step: float) -> Tensor:
    """ln r (n, n), r_ij ∝ N(θ_j; θ_i − ε/2 ∇U_i, ε): Langevin steps between places (n, d) with ∇U (n, d)."""
    aims = places - step / 2 * gradient
    return (-torch.cdist(aims, places).square() / (2 * step)).log_softmax(1)


def divergence(p: Tensor, q: Tensor) -> float:
    """KL(p ‖ q) of two tables, in nats."""
    return float((torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum())
