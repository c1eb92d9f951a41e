"""Mean and variance of z given x."""

from __future__ import annotations

from torch import Tensor

from ib_cli.contracts import Pass


def moments(p: Pass) -> tuple[Tensor, Tensor]:
    """E[z|x] and Var[z|x] of each dimension, (B, K): those of q(z|x), or of the draws where it has no density."""
    if p.encoder is not None:
        return p.encoder.mean, p.encoder.variance
    mean = p.z.mean(0)
    return mean, (p.z - mean).square().mean(0)
