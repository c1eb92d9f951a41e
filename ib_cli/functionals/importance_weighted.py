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
    q, m, d = needed(p.encoder), needed(p.marginal), needed(p.decoder)
    log_weights = d.log_prob(p.x) + m.log_prob(p.z) - q.log_prob(p.z)  # (S, B)
    return math.log(len(p.z)) - log_weights.logsumexp(0)
