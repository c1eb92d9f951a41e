"""The entropy of the weights S, and S per training sample."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("S", "entropy of the weights, ≥ I(Θ; data)", "weights_divergence")
def entropy(p: Pass) -> Tensor:
    """S = KL(p(θ|data) ‖ q(θ)) (TherML §1.1) in total nats, (): one value, not one per sample."""
    return needed(p.weights_divergence)


@functional("S/N", "entropy of the weights a training sample", "weights_divergence", "train_size")
def entropy_per_sample(p: Pass) -> Tensor:
    """S/N in nats, (). C + S/N is minus the bound of Blundell et al. (2015, eq. 1) on the log evidence, per sample."""
    return needed(p.weights_divergence) / needed(p.train_size)
