"""Entropy, mutual information and total correlation of tensors or arrays, each by an estimator of your choice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args, overload

import numpy as np
from torch import Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.binned import binned_information
from ib_cli.estimators.copula import copula_entropy, copula_mutual_information, copula_total_correlation
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gao import gao
from ib_cli.estimators.gaussian import (
    gaussian_entropy,
    gaussian_information,
    gaussian_mutual_information,
    gaussian_total_correlation,
)
from ib_cli.estimators.inputs import Samples
from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko, weighted_entropy
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.ross import ross

OfEntropy = Literal["kraskov", "weighted", "gaussian", "copula", "binned"]
OfInformation = Literal["kraskov", "gao", "gaussian", "copula", "binned"]
OfCorrelation = Literal["kraskov", "gaussian", "copula"]


@overload
def entropy(z: Samples, estimator: OfEntropy = "kraskov", *, k: Sequence[int], **options: Any) -> list[Estimate]: ...


@overload
def entropy(z: Samples, estimator: OfEntropy = "kraskov", *, k: int = 3, **options: Any) -> Estimate: ...


def entropy(z: Samples, estimator: OfEntropy = "kraskov", **options: Any) -> Estimate | list[Estimate]:
    """H[Z] in nats of samples z (N, K) or (N,); `options` go to the estimator's own function, such as k=3.

    kraskov: Kozachenko–Leonenko. weighted: the same over several numbers of neighbours, with less bias up to 5
    dimensions. gaussian: the largest entropy that the covariance allows. copula: by a Gaussian copula. binned:
    discrete, of z in bins, or of labels, each of which is a bin. A sequence of k gives a list of estimates. Raises
    ValueError for another estimator or option, labels (except binned), and as these functions do.
    """
    chosen: dict[str, Callable[..., Any]] = {
        "kraskov": kozachenko_leonenko,
        "weighted": weighted_entropy,
        "gaussian": gaussian_entropy,
        "copula": copula_entropy,
        "binned": binned_information,
    }
    own = _options(_chosen(chosen, estimator), estimator, options)
    if estimator == "binned":
        return binned_information(**_in_bins(inputs.given(z, "z"), own))["H[Z]"]
    return chosen[estimator](inputs.numbers(z, "z", "labels have no density; binned counts them"), **own)


@overload
def mutual_information(
    a: Samples, b: Samples, estimator: OfInformation = "kraskov", *, k: Sequence[int], **options: Any
) -> list[Estimate]: ...


@overload
def mutual_information(
    a: Samples, b: Samples, estimator: OfInformation = "kraskov", *, k: int = 3, **options: Any
) -> Estimate: ...


def mutual_information(
    a: Samples, b: Samples, estimator: OfInformation = "kraskov", **options: Any
) -> Estimate | list[Estimate]:
    """I[A;B] in nats of pairs of samples (N, …); integers, booleans and strings (N,) or (N, 1) are labels.

    kraskov: Kraskov et al. 2004 (`variant` 1 or 2) between numbers, Ross 2014 between numbers and labels. gao: Gao et
    al. 2017, for mixtures of both; different labels are equally far apart, and farther than any two numbers. gaussian,
    copula: closed forms under their assumption; gaussian with labels: one Gaussian for each class. binned: numbers in
    bins against labels, or labels against labels. Numbers that look like labels are flagged (except by gao, which takes
    both). A sequence of k gives a list of estimates. Renaming labels changes nothing. Raises ValueError for another
    estimator or option, labels where an estimator takes none, and as these functions do.
    """
    a, b = inputs.given(a, "a"), inputs.given(b, "b")
    checked.same_length(a, b, "a and b")
    _known(estimator, get_args(OfInformation))
    discrete = [inputs.labelled(each) for each in (a, b)]
    if all(discrete) and estimator not in ("gao", "binned"):
        raise ValueError(
            "a and b are both integers or other labels, which binned takes: give numbers as floating point"
        )
    z, y = (b, a) if discrete[0] else (a, b)
    if estimator == "binned":
        if not any(discrete):
            raise ValueError("binned needs labels of an integer type as one of the two")
        own = _in_bins(z, _options(binned_information, estimator, options))
        return binned_information(**own, y=inputs.labels(y))["I[Y;Z]"]
    if any(discrete) and estimator in ("kraskov", "gaussian"):
        y = inputs.labels(y).to(z.device)
        if estimator == "kraskov":
            return ross(z, y, **_options(ross, estimator, options))
        return gaussian_information(z, y, **_options(gaussian_information, estimator, options))["I[Y;Z]"]
    if any(discrete) and estimator == "copula":
        raise ValueError("copula takes numbers in floating point: kraskov and gaussian take labels")
    chosen: dict[str, Callable[..., Any]] = {
        "kraskov": ksg,
        "gao": gao,
        "gaussian": gaussian_mutual_information,
        "copula": copula_mutual_information,
    }
    own = _options(chosen[estimator], estimator, options)
    a, b = (inputs.labels(each) if inputs.labelled(each) else each for each in (a, b))  # which gao takes
    found = chosen[estimator](a, b, **own)
    for name, values in (("a", a), ("b", b)):
        if estimator != "gao" and _like_labels(values):
            reason = f"{name} looks like labels: give them an integer type"
            found = [each.flagged(reason) for each in found] if isinstance(found, list) else found.flagged(reason)
    return found


def total_correlation(z: Samples, estimator: OfCorrelation = "gaussian", **options: Any) -> Estimate:
    """TC[Z] = Σ_j H[Z_j] − H[Z] in nats of samples z (N, K); 0 for (N,), a single dimension.

    gaussian: ½(Σ ln Σ_jj − ln |Σ|). copula: the same for normal scores. kraskov: differences of Kozachenko–Leonenko
    entropies, whose bias grows with K; it has the flags of all of them. Raises ValueError for another estimator or
    option, labels, a list of k, and as these functions do.
    """
    z = inputs.numbers(z, "z", "labels have no total correlation here")
    chosen: dict[str, Callable[..., Any]] = {
        "gaussian": gaussian_total_correlation,
        "copula": copula_total_correlation,
        "kraskov": kozachenko_leonenko,
    }
    own = _options(_chosen(chosen, estimator), estimator, options)
    if estimator != "kraskov":
        return chosen[estimator](z, **own)
    if not isinstance(own.get("k", 1), int):
        raise ValueError(f"k must be one positive integer, not {options['k']!r}")
    if z.dim() > 2:
        raise ValueError(f"z must have the shape (samples, dimensions), not {tuple(z.shape)}")
    z = z.reshape(len(z), -1)
    whole = kozachenko_leonenko(z, **own)
    return _correlation([kozachenko_leonenko(column.unsqueeze(1), **own) for column in z.unbind(1)], whole)


def _correlation(parts: list[Estimate], whole: Estimate) -> Estimate:
    """TC[Z] from the entropies of the dimensions and of all together, with the flags and reasons of each."""
    told: dict[str, list[str]] = {}
    for name, part in [("all", whole), *((str(j), part) for j, part in enumerate(parts))]:
        if part.reason:
            told.setdefault(part.reason, []).append(name)
    reason = "; ".join(f"H of {_dimensions(names)}: {why}" for why, names in told.items())
    found = replace(whole.of("TC[Z]"), estimator="kraskov", reason=reason, lower=None, upper=None)
    if any(part.value is None for part in (whole, *parts)):
        return replace(found, value=None, stderr=None, drift_k=None, drift_n=None, saturated=True)
    drift_k, drift_n = (_sizes([getattr(part, name) for part in (whole, *parts)]) for name in ("drift_k", "drift_n"))
    value = sum(part.value for part in parts if part.value is not None) - (whole.value or 0.0)
    stderr = float(np.linalg.norm([part.stderr or 0.0 for part in (whole, *parts)]))
    saturated = any(part.saturated for part in (whole, *parts))
    return replace(found, value=value, stderr=stderr, saturated=saturated, drift_k=drift_k, drift_n=drift_n)


def _sizes(moves: list[float | None]) -> float | None:
    """The largest move that these can add up to; None if one is not known."""
    return None if None in moves else sum(abs(move or 0.0) for move in moves)


def _dimensions(names: list[str]) -> str:
    """'all dimensions', 'dimension 3', 'dimensions 3, 5 and 2 more', in words."""
    if names[0] == "all":
        return "all dimensions together" + (f", and of {_dimensions(names[1:])}" if names[1:] else "")
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"dimension{'s' * (len(names) > 1)} {', '.join(names[:4])}{more}"


def _in_bins(z: Tensor, options: dict[str, Any]) -> dict[str, Any]:
    """The arguments by which `binned_information` counts z: numbers in bins, each label as a bin of its own."""
    if not inputs.labelled(z):
        return {"z": z, **options}
    if options:
        raise ValueError(f"{', '.join(options)}: labels are counted without bins; give numbers as floating point")
    return {"z": inputs.labels(z, "z").unique(return_inverse=True)[1].double(), "bins": None, "width": 1.0}


def _like_labels(values: Tensor) -> bool:
    """Whether floating-point values (N,) or (N, 1) are whole numbers with fewer than N/2 different ones."""
    whole = values.numel() == len(values) and bool((values == values.round()).all())
    return whole and 2 * len(values.unique()) < len(values)


def _chosen(chosen: dict[str, Any], estimator: str) -> Callable[..., Any]:
    _known(estimator, chosen)
    return chosen[estimator]


def _known(estimator: str, names: Iterable[str]) -> None:
    if estimator not in names:
        raise ValueError(f"estimator={estimator}: there are {', '.join(names)}")


def _options(function: Callable[..., Any], estimator: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of an estimator's function, k as an int or a list of them; ValueError for one that it does not have.

    Samples are no options: they are the parameters without a default, and labels.
    """
    own = {name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind.value == 3}
    if unknown := [name for name in options if name not in own]:
        there = f"it has {', '.join(sorted(own))}" if own else "it has none"
        raise ValueError(f"{estimator} has no option {unknown[0]} here: {there}")
    return options | {"k": inputs.neighbours(options["k"])} if "k" in options else options
