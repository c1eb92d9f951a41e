"""Entropy, mutual information and total correlation of tensors or arrays, each by an estimator of your choice."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ib_cli.estimators.binned import binned_information
from ib_cli.estimators.copula import copula_entropy, copula_mutual_information, copula_total_correlation
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gao import gao
from ib_cli.estimators.gaussian import gaussian_entropy, gaussian_mutual_information, gaussian_total_correlation
from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko, weighted_entropy
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.ross import ross

Samples = Tensor | np.ndarray


def entropy(
    z: Samples, estimator: Literal["kraskov", "weighted", "gaussian", "copula", "binned"] = "kraskov", **options: Any
) -> Estimate:
    """H[Z] in nats of samples z (N, K); `options` go to the estimator's own function, such as k=3.

    kraskov: Kozachenko–Leonenko. weighted: the same over several numbers of neighbours, with less bias up to 5
    dimensions. gaussian: the largest entropy that the covariance allows. copula: by a Gaussian copula. binned:
    discrete, of z in bins. Raises ValueError for another estimator, and as these functions do.
    """
    z = torch.as_tensor(z)
    if estimator == "binned":
        return binned_information(z, **options)["H[Z]"]
    chosen = {
        "kraskov": kozachenko_leonenko,
        "weighted": weighted_entropy,
        "gaussian": gaussian_entropy,
        "copula": copula_entropy,
    }
    return _chosen(chosen, estimator)(z, **options)


def mutual_information(
    a: Samples,
    b: Samples,
    estimator: Literal["kraskov", "gao", "gaussian", "copula", "binned"] = "kraskov",
    **options: Any,
) -> Estimate:
    """I[A;B] in nats of pairs of samples (N, …); one of the two may be labels (N,) of an integer type.

    kraskov: Kraskov et al. 2004 (`variant` 1 or 2) between numbers, Ross 2014 between numbers and labels; numbers that
    look like labels are flagged. gao: Gao et al. 2017, for mixtures of both. gaussian, copula: closed forms under their
    assumption. binned: numbers in bins against labels. Raises ValueError for another estimator, two integer variables
    (except gao), binned without labels, and as these functions do.
    """
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    discrete = [not each.is_floating_point() for each in (a, b)]
    if all(discrete) and estimator != "gao":
        raise ValueError("a and b are both integers: give numbers that are not labels as floating point")
    z, y = (b, a) if discrete[0] else (a, b)
    if estimator == "binned":
        if not any(discrete):
            raise ValueError("binned needs labels of an integer type as one of the two")
        return binned_information(z, y, **options)["I[Y;Z]"]
    if any(discrete) and estimator == "kraskov":
        return ross(z, y, **options)
    chosen = {"kraskov": ksg, "gao": gao, "gaussian": gaussian_mutual_information, "copula": copula_mutual_information}
    found = _chosen(chosen, estimator)(a, b, **options)
    for name, values in (("a", a), ("b", b)):
        if estimator == "kraskov" and _like_labels(values):
            reason = f"{name} looks like labels: give them an integer type"
            found = [each.flagged(reason) for each in found] if isinstance(found, list) else found.flagged(reason)
    return found


def total_correlation(
    z: Samples, estimator: Literal["kraskov", "gaussian", "copula"] = "gaussian", **options: Any
) -> Estimate:
    """TC[Z] = Σ_j H[Z_j] − H[Z] in nats of samples z (N, K).

    gaussian: ½(Σ ln Σ_jj − ln |Σ|). copula: the same for normal scores. kraskov: differences of Kozachenko–Leonenko
    entropies, whose bias grows with K. Raises ValueError for another estimator, and as these functions do.
    """
    z = torch.as_tensor(z)
    if estimator != "kraskov":
        chosen = {"gaussian": gaussian_total_correlation, "copula": copula_total_correlation}
        return _chosen(chosen, estimator)(z, **options)
    if not isinstance(options.get("k", 1), int):
        raise ValueError(f"k must be one positive integer, not {options['k']!r}")
    whole = kozachenko_leonenko(z, **options)
    parts = [kozachenko_leonenko(column.unsqueeze(1), **options) for column in z.unbind(1)]
    total = whole.of("TC[Z]")
    values = [part.value for part in parts if part.value is not None]
    if whole.value is None or len(values) < len(parts):
        return Estimate("TC[Z]", "kraskov", None, n=len(z), k=whole.k, saturated=True, reason=whole.reason)
    value = sum(values) - whole.value
    stderr = float(torch.tensor([whole.stderr, *(part.stderr for part in parts)]).norm())
    return Estimate(
        "TC[Z]", "kraskov", value, stderr=stderr, k=total.k, n=total.n, saturated=total.saturated, reason=total.reason
    )


def _like_labels(values: Tensor) -> bool:
    """Whether floating-point values (N,) or (N, 1) are whole numbers with fewer than N/2 different ones."""
    whole = values.numel() == len(values) and bool((values == values.round()).all())
    return whole and 2 * len(values.unique()) < len(values)


def _chosen(chosen: dict[str, Any], estimator: str) -> Any:
    if estimator not in chosen:
        raise ValueError(f"estimator={estimator}: there are {', '.join(chosen)}")
    return chosen[estimator]
