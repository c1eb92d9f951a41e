"""The mean squared norm of z, and the bound on its entropy that it gives."""

import math

from torch import Tensor

from ib_cli.contracts.moments import moments, sums_of_all
from ib_cli.contracts.passes import Pass
from ib_cli.functionals.functional import functional, of_whole


@functional("L2[Z]", "mean squared norm of z", costly=True, continuous=True)
def activation(p: Pass) -> Tensor:
    """E_{q(z|x)} ‖z‖² (Unpacking §6.2), (B,). It is not an entropy, but a bound on it bounds H[Z].

    For a prior N(0, I) the rate is R = ½ E‖Z‖² + (K/2) ln 2π − H[Z|X] (Unpacking App. A.7). Exact if the moments of
    q(z|x) are known, else the mean over the draws.
    """
    mean, variance = moments(p)
    return (mean.square() + variance).sum(-1).to(p.z.dtype)


@of_whole("log_L2[Z]", "bound by the squared norm, ≥ log_Var[Z]", sums=sums_of_all, costly=True, continuous=True)
def norm_bound(sums: Tensor) -> Tensor:
    """(K/2) ln(2πe E‖Z‖²/K) ≥ H[Z] (Unpacking §6.2), () nats: the entropy of N(0, σ² I) with this E‖Z‖² = K σ².

    The paper's C′ = e^{2C}/(2πe) is this bound for K = 1. With the same variances it is ≥ `log_Var[Z]`, as means count
    and ln is concave; equal where the means are 0 and the variances of all dimensions alike.
    """
    K = (sums.shape[1] - 1) // 3
    n, _, square, within = sums.sum(0).split([1, K, K, K])
    norm = (square.sum() + within.sum()) / n.squeeze(0)
    return 0.5 * K * (2 * math.pi * math.e * norm / K).log()
