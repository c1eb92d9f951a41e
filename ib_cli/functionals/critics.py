"""What critics estimate, and what they minimise themselves."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("B", "KL(q(z)‖m(z)) by a critic of z", "judged_z", "prior_z", continuous=True)
def latent_divergence(p: Pass) -> Tensor:
    """B (Variational Glasses, eq. 12), (B,), in nats, or the critic's other divergence; low if the critic is weak."""
    return needed(p.judged_z).estimate


@functional("D_x", "divergence of data and decoder's samples by a critic of x", "judged_x", "decoder", continuous=True)
def data_divergence(p: Pass) -> Tensor:
    """D_x (Variational Glasses, eq. 18), (B,), in nats unless the critic's divergence is Wasserstein's."""
    return needed(p.judged_x).estimate


@functional(
    "D_features", "distance of x and its reconstruction in a layer of the critic of x", "feature_distance", "judged_x",
    "decoder", costly=True, continuous=True,
)  # fmt: skip
def feature_distance(p: Pass) -> Tensor:
    """½ E‖f(x) − f(E d(x|z))‖² with f a hidden layer of the critic (Larsen et al. 2016, eq. 7), (B,).

    It is −ln N(f(x); f(E d(x|z)), I) up to a constant. f moves with the critic, so it is no likelihood of x.
    """
    return needed(p.feature_distance)


@functional("loss_z", "loss of the critic of z", "loss_z")
def loss_of_critic_z(p: Pass) -> Tensor:
    """What the critic of z minimises, (B,)."""
    return needed(p.loss_z)


@functional("loss_x", "loss of the critic of x", "loss_x")
def loss_of_critic_x(p: Pass) -> Tensor:
    """What the critic of x minimises, (B,)."""
    return needed(p.loss_x)
