"""What a bound of an information has too much: the mean of a functional less an estimate."""

from __future__ import annotations

import math

from torch import Tensor

from ib_cli.estimators.estimate import Estimate


def latent_divergence(rate: Tensor, information: Estimate) -> Estimate:
    """B = R − I(X;Z) (Variational Glasses, eq. 12), in nats, from the rate of each sample, (N,), and an interval of I.

    It is KL(q(z) ‖ m(z)), the slack of R (TherML §1.1). A sum over N samples shows I up to ln N at most, so that B is
    then an upper bound.
    """
    return slack("B", rate, information)


def slack(quantity: str, nats: Tensor, bounded: Estimate) -> Estimate:
    """The mean of a functional of each sample, (N,), less an estimate of what it bounds from above, in nats.

    Its lower end has the upper end of the estimate, and the other way round; where the estimate has no end it has none.
    Flagged where the estimate is. The standard errors of both are added in quadrature, though both have the same z in
    them: it is rather too large.
    """
    value = None if bounded.value is None else float(nats.mean()) - bounded.value
    ends = [None if end is None else float(nats.mean()) - end for end in (bounded.upper, bounded.lower)]
    error = float(nats.std()) / math.sqrt(len(nats)) if len(nats) > 1 else 0.0
    stderr = None if bounded.stderr is None else math.hypot(error, bounded.stderr)
    return Estimate(
        quantity, bounded.estimator, value, ends[0], ends[1], stderr, n=bounded.n, saturated=bounded.saturated,
        reason=bounded.reason,
    )  # fmt: skip
