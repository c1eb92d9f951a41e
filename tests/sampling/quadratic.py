"""The oracle of tests of samplers: a quadratic energy, whose laws are Gaussians known in closed form."""

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
