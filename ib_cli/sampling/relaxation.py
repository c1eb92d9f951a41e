"""How a law of parameters relaxes to equilibrium, where that is known exactly: tables of states.

J(p) = ⟨E⟩_p + S(p)/β with S = KL(p ‖ q), and KL(p ‖ π) = β (J(p) − J(π)), J(π) = −ln Z/β (TherML eqs. 35 – 38). J(p)
and KL(p ‖ π) fall with each step of a chain whose stationary law is π (eq. 39).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
