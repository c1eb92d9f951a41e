"""The noisy activations z of a layer over many samples: their histogram and their total correlation."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import Tensor

from ib_cli.contracts.told_numbers import percent
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gaussian import gaussian_total_correlation

BINS = 120
LARGEST = 0.995  # quantile of z where its own histogram ends; that of ln z has all


def histograms(z: Tensor) -> dict[str, np.ndarray]:
    """Counts of all units of z (N, d) ≥ 0 together.

    `counts` and `edges` of z from 0 to its quantile 0.995, and `log_counts` and `log_edges` of ln z where z > 0;
    `zeros`: how many are 0; `total`: how many there are.
    """
    values = z.flatten().double().cpu().numpy()
    positive = values[values > 0]
    logarithms = np.log(positive)
    log_counts, log_edges = np.histogram(logarithms, BINS)
    most = float(np.quantile(positive, LARGEST)) if len(positive) else 1.0
    counts, edges = np.histogram(positive, BINS, (0.0, most))
    return {
        "counts": counts,
        "edges": edges,
        "log_counts": log_counts,
        "log_edges": log_edges,
        "zeros": np.array(int((values == 0).sum())),
        "total": np.array(values.size),
        "units": np.array(z.shape[1]),
    }


def total_correlation(z: Tensor, layer: str) -> list[Estimate]:
    """TC of a layer's z (N, d) in nats, of all units and divided by their number, as the authors of the paper plot it.

    TC(z) = TC(ln z) = ½ (Σ ln Σ_ii − ln |Σ|), with Σ the covariance of ln z (Achille and Soatto 2018, section 8; they
    leave the ½ out), and without the bias of finite samples (`gaussian_total_correlation`). There is no value, and the
    `reason` says why, where z has zeros, as a ReLU's, whose logarithm is −∞; and with N ≤ d + 1.
    """
    names = f"TC[{layer}]", f"TC_per_unit[{layer}]"
    zeros = int((z == 0).sum())
    if zeros:
        reason = f"{percent(zeros / z.numel())} of the activations are 0, and ln 0 is no number: this is for softplus"
        return [Estimate(name, "gaussian", None, n=len(z), saturated=True, reason=reason) for name in names]
    try:
        found = gaussian_total_correlation(z.double().log().to(z.dtype))
    except ValueError as error:  # too few samples: the run is done all the same
        return [Estimate(name, "gaussian", None, n=len(z), saturated=True, reason=str(error)) for name in names]
    found = dataclasses.replace(found, reason=found.reason.replace("TC[Z]", names[0]))
    return [found.of(names[0]), _over(found, z.shape[1]).of(names[1])]


def _over(estimate: Estimate, units: int) -> Estimate:
    """An estimate divided by a number of units."""
    if estimate.value is None or estimate.stderr is None:
        return estimate
    return dataclasses.replace(estimate, value=estimate.value / units, stderr=estimate.stderr / units)
