"""The maximum mean discrepancy of z and m(z)."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("MMD", "squared maximum mean discrepancy of z and m(z)", "mmd_z", "prior_z", continuous=True)
def latent_discrepancy(p: Pass) -> Tensor:
    """MMD²(q(z), m(z)) with the kernel of `mmd=` (Gretton et al. 2012, eq. 4), (B,): unbiased, so it may be negative.

    In units of the kernel, not in nats.
    """
    return needed(p.mmd_z)
