"""The distortion D."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("D", "distortion, ≥ H(X|Z)", "decoder")
def distortion(p: Pass) -> Tensor:
    """D = −E_{q(z|x)} log d(x|z) (TherML §1.1), summed over pixels, in nats, (B,)."""
    return -p.expected(needed(p.decoder).log_prob(p.x))
