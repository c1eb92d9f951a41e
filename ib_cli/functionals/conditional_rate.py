"""The conditional rate of CEB."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.divergence import divergence
from ib_cli.functionals.functional import functional


@functional("R_Y", "conditional rate, ≥ I(X;Z|Y)", "encoder", "backward_encoder")
def conditional_rate(p: Pass) -> Tensor:
    """R_Y = E_{q(z|x)} log q(z|x) − log b(z|y) (Fischer 2020; Unpacking §4.2), in nats, (B,)."""
    return divergence(p, needed(p.backward_encoder))
