"""The rate R."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.divergence import divergence
from ib_cli.functionals.functional import functional


@functional("R", "rate, ≥ I(X;Z)", "encoder", "marginal")
def rate(p: Pass) -> Tensor:
    """R = E_{q(z|x)} log q(z|x) − log m(z) (TherML §1.1), in nats, (B,)."""
    return divergence(p, needed(p.marginal))
