"""The information that noise layers let through, KL, and KL per training sample."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("KL", "information through the noise, ≥ I(X;Z) + TC[Z] up to a constant", "noise_divergence")
def noise_divergence(p: Pass) -> Tensor:
    """KL = Σ_layers w Σ_units KL(p(z|x) ‖ prior) (Achille and Soatto 2018, eqs. 4 and 5) in nats, (B,).

    The weights w are those of `noise.layer_weights`. The log-uniform prior fixes KL up to a constant.
    """
    return needed(p.noise_divergence)


@functional("KL_N", "information through the noise a training sample", "noise_divergence", "train_size")
def noise_divergence_per_sample(p: Pass) -> Tensor:
    """KL/N in nats, (B,): the KL of a sample over the number of training samples, as in the authors' code."""
    return needed(p.noise_divergence) / needed(p.train_size)
