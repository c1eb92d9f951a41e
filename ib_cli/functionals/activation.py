"""The mean squared norm of z."""

from torch import Tensor

from ib_cli.contracts.moments import moments
from ib_cli.contracts.passes import Pass
from ib_cli.functionals.functional import functional


@functional("L2[Z]", "mean squared norm of z", costly=True, continuous=True)
def activation(p: Pass) -> Tensor:
    """E_{q(z|x)} ‖z‖² (Unpacking §6.2), (B,). It is not an entropy, but a bound on it bounds H[Z].

    For a prior N(0, I) the rate is R = ½ E‖Z‖² + (K/2) ln 2π − H[Z|X] (Unpacking App. A.7). Exact if the moments of
    q(z|x) are known, else the mean over the draws.
    """
    mean, variance = moments(p)
    return (mean.square() + variance).sum(-1).to(p.z.dtype)
