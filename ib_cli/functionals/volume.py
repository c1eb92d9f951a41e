"""The volume V."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.divergence import divergence
from ib_cli.functionals.functional import functional


@functional("V", "volume, ≥ I(Z;Θ|X)", "encoder", "averaged_encoder")
def volume(p: Pass) -> Tensor:
    """V = E_{q(z|x,θ)} log q(z|x,θ) − log q(z|x) (TherML App. A) in nats, (B,), at the weights θ of this pass.

    A bound on average over draws of θ; tight if q(z|x) is the mean of q(z|x,θ) over θ.
    """
    return divergence(p, needed(p.averaged_encoder))
