"""The table p(x, y) of TherML's toy data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import entr
from scipy.stats import norm

NARROWEST, WIDEST = 1e-3, 1e3  # bounds of the standard deviation that is solved for


def toy_table(
    *, bins: int = 30, means: Sequence[float] = (0.25, 0.75), prior: float = 0.7, information: float = 0.5
) -> np.ndarray:
    """p(x, y) with y ~ Bernoulli(prior), h|y ~ Normal(means[y], s²) and x the bin of h (TherML, App. B): (bins, 2).

    The bins are equal parts of [0, 1]; the first and the last also hold the tails. The paper gives neither means nor s,
    only I(X;Y) = 0.5 nats: here s is solved so that I(X;Y) is `information`. Raises ValueError where no s makes it so,
    and for fewer than two bins or a prior outside (0, 1).
    """
    if bins < 2 or not 0 < prior < 1:
        raise ValueError(f"the toy table needs 2 bins or more and a prior within (0, 1), not {bins} and {prior}")

    def excess(log_width: float) -> float:
        return _information(_binned(bins, means, prior, np.exp(log_width))) - information

    low, high = np.log(NARROWEST), np.log(WIDEST)
    if not excess(high) < 0 < excess(low):
        most, least = excess(low) + information, excess(high) + information
        raise ValueError(f"information: between {least:.6g} and {most:.6g} nats with these means, not {information}")
    return _binned(bins, means, prior, np.exp(brentq(excess, low, high, xtol=1e-14)))


def _binned(bins: int, means: Sequence[float], prior: float, width: float) -> np.ndarray:
    """The table for a standard deviation."""
    inner = np.linspace(0, 1, bins + 1)[1:-1, None]
    below, above = norm.cdf(inner, means, width), norm.sf(inner, means, width)
    first, last = below[:1], above[-1:]
    of_bins = np.where(above[:-1] < 0.5, above[:-1] - above[1:], below[1:] - below[:-1])  # small tails are accurate
    return np.concatenate([first, of_bins, last]) * [1 - prior, prior]


def _information(joint: np.ndarray) -> float:
    """I(X;Y) in nats."""
    return float(entr(joint.sum(0)).sum() + entr(joint.sum(1)).sum() - entr(joint).sum())
