"""B = KL(q(z)‖m(z)) without a critic: the rate less the information."""

from __future__ import annotations

import math

from torch import Tensor

from ib_cli.estimators.estimate import Estimate


def latent_divergence(rate: Tensor, information: Estimate) -> Estimate:
    """B = R − I(X;Z) (Variational Glasses, eq. 12), in nats, from the rate of each sample, (N,), and an interval of I.

    B ≥ R − upper of I and ≤ R − lower of I; no upper end of I, no lower end of B. Flagged where `information` is. The
    standard errors of both are added in quadrature, though both have ln q(z|x) in them: it is rather too large.
    A sum over N samples shows I up to ln N at most, so that B is then an upper bound.
    """
    value = None if information.value is None else float(rate.mean()) - information.value
    ends = [None if end is None else float(rate.mean()) - end for end in (information.upper, information.lower)]
    error = float(rate.std()) / math.sqrt(len(rate)) if len(rate) > 1 else 0.0
    stderr = None if information.stderr is None else math.hypot(error, information.stderr)
    return Estimate(
        "B", information.estimator, value, ends[0], ends[1], stderr, n=information.n, saturated=information.saturated,
        reason=information.reason,
    )  # fmt: skip
