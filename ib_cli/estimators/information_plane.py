"""The quantities of the information plane, from one set of samples by several estimators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from torch import Generator, Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.binned import binned_information
from ib_cli.estimators.copula import copula_entropy, copula_mutual_information, copula_total_correlation
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gaussian import (
    gaussian_entropy,
    gaussian_information,
    gaussian_mutual_information,
    gaussian_total_correlation,
)
from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.mixture import mixture_information
from ib_cli.estimators.pairwise import pairwise_estimate
from ib_cli.estimators.ross import ross

Estimator = Literal["mixture", "pairwise", "kraskov", "gaussian", "copula", "binned"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
QUANTITIES = (
    "H[Y]", "H[Z]", "H[Z|X]", "H[Z|Y]", "H[Y|Z]", "I[X;Z]", "I[Y;Z]", "I[X;Y|Z]", "I[X;Z|Y]", "TC[Z]",
)  # fmt: skip
UNKNOWN = "z is drawn given x, but the density of q(z|x) is not known"
FUNCTION = "z is taken as a deterministic function of x"


def information_plane(
    z: inputs.Samples,
    y: inputs.Samples,
    *,
    mean: inputs.Samples | None = None,
    scale: inputs.Samples | float | None = None,
    estimators: Sequence[Estimator] = ("mixture", "kraskov"),
    k: int = 3,
    sweep: bool = True,
    halve: bool = False,
    bins: int = 30,
    noise: float = 0.0,
    y_entropy: float | None = None,
    drawn: bool = False,
    generator: Generator | None = None,
) -> list[Estimate]:
    """The quantities of the information plane by each of `estimators`, in nats, in the order of `QUANTITIES`.

    `z` (N, K) holds one draw for each x; `y` is (N,) labels (integers, booleans or strings), or (N, d) floating point
    where y is continuous. `mean`
    and `scale` describe the noise: q(z|x_i) = N(mean_i, diag scale_i²). Without them z is taken as a deterministic
    function of x: H[Z|X] = −∞ and I[X;Z] = ∞ are told as a `reason` instead of a value, and `mixture` and `pairwise`
    say that they need the noise. `drawn`: z is random given x but the density of q(z|x) is not known, as under dropout;
    H[Z|X] and I[X;Z] are then not known either. `noise` is H[Y|X] of labels, 0 where x determines y.

    Within one estimator the identities hold for the reported values:

        I[X;Z] = H[Z] − H[Z|X],  I[Y;Z] = H[Z] − H[Z|Y] = H[Y] − H[Y|Z],  I[X;Z|Y] = H[Z|Y] − H[Z|X],
        I[X;Y|Z] = H[Y|Z] − H[Y|X].

    `kraskov` is Kozachenko–Leonenko for H[Z] and Ross for I[Y;Z], with `k` neighbours; the other quantities follow.
    `sweep` checks them with more neighbours and against bounds, `halve` with half of the samples; what cannot be right
    is flagged (`kraskov.summarised`).

    For a continuous y, `kraskov` takes I[Y;Z] from Kraskov, Stögbauer and Grassberger, `gaussian` and `copula` from
    closed forms; `mixture`, `pairwise` and `binned` have no I[Y;Z]. H[Y] is then `y_entropy`, if it is known, and
    I[X;Y|Z] is left out.

    Where a class has too few samples for an estimator, what needs no labels is given all the same, and the rest has the
    reason. Raises ValueError for NaN, infinities, a z of integers, labels in floating point, lengths that differ, an
    unknown estimator, and one of `mean` and `scale` without the other.
    """
    z, y = inputs.numbers(z, "z", "give the numbers of z in floating point"), inputs.given(y, "y")
    y = y.to(z.device)
    names: Sequence[str] = [estimators] if isinstance(estimators, str) else estimators
    if unknown := [name for name in names if name not in ESTIMATORS]:
        raise ValueError(f"estimators: there is no {unknown[0]}; there are {', '.join(ESTIMATORS)}")
    if isinstance(number := inputs.neighbours(k), list):
        raise ValueError(f"k must be one positive integer, not {k!r}")
    if (mean is None) != (scale is None):
        raise ValueError("mean and scale describe the noise together: give both, or neither for a z without noise")
    if mean is not None:
        mean = checked.matrix(mean, "mean")
        checked.same_length(mean, z, "mean and z")
        if z.dim() == 2 and mean.shape[1] != z.shape[1]:
            raise ValueError(f"mean has {mean.shape[1]} dimensions and z {z.shape[1]}: it must be the mean of z")
    if noise < 0:
        raise ValueError(f"noise is H[Y|X] of labels and cannot be negative: {noise}")
    checked.matrix(z.reshape(len(z), -1), "z")
    continuous = y.is_floating_point() and y.dim() == 2
    if continuous:
        checked.same_length(y, z, "y and z")
        of_y = {} if y_entropy is None else {"H[Y]": _exact(y_entropy, len(z))}
    else:
        _, counts = checked.classes(y, len(z), at_least=1)
        y, of_y = inputs.labels(y), {"H[Y]": _exact(checked.entropy_of_labels(counts), len(z))}
    known = of_y if mean is None or scale is None else of_y | {"H[Z|X]": _noise(mean, scale)}
    neighbours = {"k": number, "sweep": "auto" if sweep else None, "halve": halve}
    found: list[Estimate] = []
    for name in names:
        if name in ("mixture", "pairwise"):
            if mean is None or scale is None:
                reason = UNKNOWN if drawn else f"{FUNCTION}: no noise (mean and scale) was given"
                found.append(Estimate("I[X;Z]", name, None, n=len(z), saturated=True, reason=reason))
                continue
            if name == "mixture":
                own = mixture_information(mean, scale, None if continuous else y, generator=generator)
            else:
                own = {"I[X;Z]": pairwise_estimate(mean, scale)}
        elif name == "binned":
            own = binned_information(z, None if continuous else y, bins=bins)
        else:
            try:
                own = (_of_samples if continuous else _of_classes)(name, z, y, neighbours)
            except ValueError as error:  # too few samples for this estimator; the others may have enough
                found += [
                    Estimate(quantity, name, None, n=len(z), saturated=True, reason=str(error))
                    for quantity in ("I[X;Z]", "I[Y;Z]")
                ]
                continue
        whole = completed(own, known if name != "binned" else of_y, None if continuous else noise, drawn)
        found += [replace(whole[quantity], estimator=name) for quantity in QUANTITIES if quantity in whole]
    return found


def _of_classes(name: str, z: Tensor, y: Tensor, neighbours: dict[str, Any]) -> dict[str, Estimate]:
    """The quantities that an estimator from samples alone measures itself, with labels y (N,)."""
    if name == "kraskov":
        own = {"H[Z]": kozachenko_leonenko(z, **neighbours)}
        try:
            own["I[Y;Z]"] = ross(z, y, **neighbours)
        except ValueError as error:  # a class with too few samples; H[Z] needs no classes
            own["I[Y;Z]"] = Estimate("I[Y;Z]", "kraskov", None, n=len(z), saturated=True, reason=str(error))
        return own
    if name == "gaussian":
        return gaussian_information(z, y) | {"TC[Z]": gaussian_total_correlation(z)}
    return {"H[Z]": copula_entropy(z), "TC[Z]": copula_total_correlation(z)}


def _of_samples(name: str, z: Tensor, y: Tensor, neighbours: dict[str, Any]) -> dict[str, Estimate]:
    """The same for a continuous y (N, d)."""
    if name == "kraskov":
        return {"H[Z]": kozachenko_leonenko(z, **neighbours), "I[Y;Z]": ksg(y, z, quantity="I[Y;Z]", **neighbours)}
    if name == "gaussian":
        entropy, correlation, shared = gaussian_entropy, gaussian_total_correlation, gaussian_mutual_information
    else:
        entropy, correlation, shared = copula_entropy, copula_total_correlation, copula_mutual_information
    return {"H[Z]": entropy(z), "I[Y;Z]": shared(y, z, "I[Y;Z]"), "TC[Z]": correlation(z)}


def completed(
    own: dict[str, Estimate], known: dict[str, Estimate], noise: float | None, drawn: bool = False
) -> dict[str, Estimate]:
    """The `own` quantities of an estimator, the `known` ones, and all that follow from them by the identities.

    Own quantities are not replaced. `noise` is H[Y|X]; None where it is not known. `drawn`: z has no known density, but
    is no function of x all the same.
    """
    found = known | own

    def follow(quantity: str, first: str, second: str) -> None:
        if quantity not in found and first in found and second in found:
            found[quantity] = difference(quantity, found[first], found[second])

    follow("H[Z|Y]", "H[Z]", "I[Y;Z]")
    follow("I[Y;Z]", "H[Z]", "H[Z|Y]")
    follow("H[Y|Z]", "H[Y]", "I[Y;Z]")
    follow("I[X;Z]", "H[Z]", "H[Z|X]")
    follow("I[X;Z|Y]", "H[Z|Y]", "H[Z|X]")
    if "H[Z|X]" not in found and "H[Z]" in found:
        nothing = replace(found["H[Z]"], value=None, lower=None, upper=None, stderr=None, drift_k=None, drift_n=None)
        for quantity, value in (("H[Z|X]", "−∞"), ("I[X;Z]", "∞"), ("I[X;Z|Y]", "∞")):
            of_function = f"no noise was given, and for a deterministic function z of x {quantity} = {value}"
            reason = UNKNOWN if drawn else of_function
            found[quantity] = replace(nothing, quantity=quantity, saturated=True, reason=reason)
    if "H[Y|Z]" in found and noise is not None:
        label_noise = Estimate("H[Y|X]", "", noise, noise, noise, 0.0)
        found["I[X;Y|Z]"] = difference("I[X;Y|Z]", found["H[Y|Z]"], label_noise)
    return found


def difference(quantity: str, first: Estimate, second: Estimate) -> Estimate:
    """first − second, with opposite ends of their bounds, and standard errors as if they were independent.

    The difference is flagged if either is, and has the reasons of both.
    """
    reasons = dict.fromkeys(filter(None, (first.reason, second.reason)))
    both = first.value is not None and second.value is not None
    drift_k, drift_n = (_both(getattr(first, name), getattr(second, name)) for name in ("drift_k", "drift_n"))
    return Estimate(
        quantity,
        first.estimator,
        _less(first.value, second.value),
        _less(first.lower, second.upper) if both else None,
        _less(first.upper, second.lower) if both else None,
        math.hypot(first.stderr or 0.0, second.stderr or 0.0) if both else None,
        first.k or second.k,
        max(first.n, second.n),
        first.saturated or second.saturated,
        "; ".join(reasons),
        drift_k,
        drift_n,
    )


def _less(first: float | None, second: float | None) -> float | None:
    """first − second, where both are known."""
    return None if first is None or second is None else first - second


def _both(first: float | None, second: float | None) -> float | None:
    """The largest move that two moves can add up to; None if there is neither."""
    return None if first is None and second is None else abs(first or 0.0) + abs(second or 0.0)


def _exact(H: float, n: int) -> Estimate:
    """H[Y] without error, from the labels' own frequencies or as given; all quantities refer to this law of Y."""
    return Estimate("H[Y]", "", H, H, H, 0.0, n=n)


def _noise(mean: Tensor, scale: inputs.Samples | float) -> Estimate:
    """H[Z|X] = (1/N) Σ_i Σ_k ½ ln(2πe s_ik²), exact."""
    terms = (0.5 * math.log(2 * math.pi * math.e) + checked.scales(scale, mean).log()).sum(-1).expand(len(mean))
    H = float(terms.mean())
    return Estimate("H[Z|X]", "", H, H, H, float(torch.std(terms)) / math.sqrt(len(mean)), n=len(mean))
