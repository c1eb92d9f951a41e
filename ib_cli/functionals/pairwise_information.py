"""A bound on the information in a batch, from pairwise divergences."""

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.estimators.pairwise import pairwise_information as pairwise
from ib_cli.functionals.functional import functional


@functional("I_pairwise", "pairwise bound, ≥ I(X;Z) of the batch", "encoder", costly=True, continuous=True)
def pairwise_information(p: Pass) -> Tensor:
    """−ln (1/B) Σ_j exp(−KL(q(z|x_i) ‖ q(z|x_j))) (Kolchinsky & Tracey 2017, eq. 10), in nats, (B,).

    An upper bound of I(X;Z) for x uniform on the B samples of the batch; the bound is at most ln B. It is no bound for
    the population, and its value depends on the batch size. Needs a Gaussian q(z|x).
    """
    q = needed(p.encoder)
    return pairwise(q.mean, q.stddev)
