"""What critics estimate, and what they minimise themselves."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("B", "KL(q(z)‖m(z)) by a critic of z", "judged_z", "prior_z")
def latent_divergence(p: Pass) -> Tensor:
    """B (Variational Glasses, eq. 12), (B,), in nats, or the critic's other divergence; low if the critic is weak."""
    return needed(p.judged_z).estimate


@functional("D_x", "divergence of data and decoder's samples by a critic of x", "judged_x", "decoder", "prior_z")
def data_divergence(p: Pass) -> Tensor:
    """D_x (Variational Glasses, eq. 18), (B,), in nats unless the critic's divergence is Wasserstein's."""
    return needed(p.judged_x).estimate


@functional("loss_z", "loss of the critic of z", "judged_z")
def loss_of_critic_z(p: Pass) -> Tensor:
    """What the critic of z minimises, (B,)."""
    return needed(p.judged_z).loss


@functional("loss_x", "loss of the critic of x", "judged_x")
def loss_of_critic_x(p: Pass) -> Tensor:
    """What the critic of x minimises, (B,)."""
    return needed(p.judged_x).loss
