"""The divergence that rates are made of."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence


def divergence(q: Distribution, m: Distribution, z: Tensor) -> Tensor:
    """E_q log q(z) − log m(z), (B,): in closed form between Gaussians, else the mean over the draws z (S, B, K)."""
    if isinstance(m, Independent) and isinstance(q, Independent):
        return kl_divergence(q, m)
    return (q.log_prob(z) - m.log_prob(z)).mean(0)
