"""The divergence in the rates R and R_Y and in the volume V."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from ib_cli.contracts.passes import Pass, needed


def divergence(p: Pass, m: Distribution) -> Tensor:
    """E_{q(z|x)} log q(z|x) − log m(z), (B,): closed form if both densities are of one kind, else over values of z."""
    q = needed(p.encoder)
    if isinstance(m, type(q)):
        return kl_divergence(q, m)
    return p.expected(q.log_prob(p.z) - m.log_prob(p.z))
