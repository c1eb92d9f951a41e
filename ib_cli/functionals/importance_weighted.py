"""The importance-weighted bound on −ln p(x)."""

import math

from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional(
    "NLL", "importance-weighted bound, ≥ −ln p(x)", "encoder", "marginal", "decoder", costly=True, continuous=True
)
def importance_weighted(p: Pass) -> Tensor:
    """−ln (1/S) Σ_s d(x|z_s) m(z_s)/q(z_s|x), z_s ~ q(z|x) (Burda et al. 2016, eq. 8), in nats, (B,).

    S is the number of draws, `samples` in training and `eval_samples` in evaluations. At S = 1 it is D + R, with R from
    the draw of z; more draws bring it down towards −ln p(x).
    """
    return math.log(len(p.z)) - log_weights(p).logsumexp(0)


def log_weights(p: Pass) -> Tensor:
    """ln d(x|z) m(z)/q(z|x) of each draw of z, (S, B): the mean of their exponentials is p(x) on average."""
    q, m, d = needed(p.encoder), needed(p.marginal), needed(p.decoder)
    return d.log_prob(p.x) + m.log_prob(p.z) - q.log_prob(p.z)
