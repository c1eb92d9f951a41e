"""Entropies, total correlation and mutual information of Gaussians from covariances, free of finite-sample bias."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.estimate import Estimate, names_in
from ib_cli.estimators.scatter import Scatter, precision_of, wishart

CLASSES = "gaussian_information(z, y) takes labels"  # in place of numbers

ROUNDED = "what was left out does vary, but by no more than its precision against its largest value"


def gaussian_entropy(z: Tensor) -> Estimate:
    """H[Z] = ½ ln |2πe Σ| in nats from samples z (N, K): unbiased for a Gaussian, else an upper bound.

    The bias of ln |Σ̂| is known exactly (`wishart`) and subtracted; the standard error is a Gaussian's. No distribution
    of the same covariance has more entropy, so `upper` is the value. What tests find not to be Gaussian is flagged
    (`normality`). Where a dimension is constant or a combination of others, H[Z] is −∞: `value` is None and `reason`
    names them. Raises ValueError for labels, NaN, infinities and N ≤ K + 1.
    """
    z = inputs.numbers(z, "z", "labels have no density")
    scatter, n = Scatter.of(z, "z", precision_of(z)), len(z)
    if scatter.constant or scatter.dependent:
        return _degenerate("H[Z]", n, f"H[Z] = −∞: {scatter.left_out('z')}")
    stderr = math.sqrt(wishart(scatter.size, n - 1)[1]) / 2
    found = Estimate("H[Z]", "gaussian", scatter.entropy, upper=scatter.entropy, stderr=stderr, n=n)
    return doubted(found, scatter.doubt("z"), "H[Z] is an upper bound")


def gaussian_total_correlation(z: Tensor) -> Estimate:
    """TC[Z] = ½ (Σ_k ln Σ_kk − ln |Σ|) in nats from samples z (N, K), unbiased for a Gaussian.

    The standard error is half the standard deviation of ln |Σ̂| − Σ_k ln Σ̂_kk: ln |Σ̂| − ln Σ̂_kk is independent of
    ln Σ̂_kk (Bartlett's decomposition), and two of the ln Σ̂_kk have the covariance 2ρ²/ν to first order, ν = N − 1.
    What tests find not to be Gaussian is flagged (`normality`): the value is then no bound. A constant dimension adds
    nothing: it is left out and `reason` says so. Where a dimension is a combination of others, TC is ∞ and `value`
    None. Raises ValueError for labels, NaN, infinities and N ≤ K + 1.
    """
    return correlation_of(inputs.numbers(z, "z", "labels have no total correlation"), "z", "TC[Z] is no bound")


def correlation_of(z: Tensor, name: str, so: str) -> Estimate:
    """`gaussian_total_correlation` of numbers called `name`; `so` says what it is where they are not Gaussian."""
    scatter, n = Scatter.of(z, "z", precision_of(z)), len(z)
    if scatter.dependent:
        return _degenerate("TC[Z]", n, f"TC[Z] = ∞: {scatter.left_out('z')}")
    d, freedom = scatter.size, n - 1
    (bias_of_one, of_one), (bias, variance) = wishart(1, freedom), wishart(d, freedom)
    correlations = scatter.standard.T @ scatter.standard / freedom
    squares = float(correlations.square().sum()) - d
    value = -(scatter.log_det + d * bias_of_one - bias) / 2
    stderr = math.sqrt(max(variance - d * of_one + 2 * squares / freedom, 0.0)) / 2  # below 0 by rounding where d = 1
    found = Estimate("TC[Z]", "gaussian", value, stderr=stderr, n=n, reason=_without(scatter.left_out("z")))
    found = found.flagged(ROUNDED) if scatter.hidden else found
    return doubted(found, scatter.doubt(name) if d > 1 else "", so)


def gaussian_mutual_information(x: Tensor, z: Tensor, quantity: str = "I[X;Z]") -> Estimate:
    """I = ½ (ln |Σ_x| + ln |Σ_z| − ln |Σ_xz|) in nats from samples x (N, K) and z (N, L), unbiased for Gaussians.

    The variance follows as for the total correlation, with canonical correlations in place of correlations. What tests
    find not to be jointly Gaussian is flagged (`normality`): the value is then no bound. Dimensions of x that are
    constant, or combinations of other dimensions of x, change nothing: they are left out and `reason` says so; likewise
    for z. Where z determines a combination of x, I is ∞ and `value` None. `quantity` names the result. Raises
    ValueError for labels, NaN, infinities, different numbers of samples and N ≤ K + L + 1.
    """
    x, z = inputs.numbers(x, "x", CLASSES), inputs.numbers(z, "z", CLASSES)
    found, doubt, alone = information_of(x, z, quantity)
    return doubted(found, alone or doubt, f"{quantity} is no bound")


def information_of(x: Tensor, z: Tensor, quantity: str, of: str = "", tested: bool = True) -> tuple[Estimate, str, str]:
    """`gaussian_mutual_information` without flags, why x and z together are not Gaussian, and why one of them is not.

    `of` is put before the names of both in these words, which are empty where there is no such doubt, and always where
    it is not `tested`: the tests take much longer than the value.
    """
    first, second = names_in(quantity)
    checked.same_length(x, z, f"{first} and {second}")
    precision, n, freedom = max(precision_of(x), precision_of(z)), len(x), len(x) - 1
    of_x, of_z = Scatter.of(x, first, precision), Scatter.of(z, second, precision)
    reason = _without("; ".join(filter(None, (of_x.left_out(first), of_z.left_out(second)))))
    hidden = of_x.hidden or of_z.hidden
    if not (of_x.size and of_z.size):
        found = Estimate(quantity, "gaussian", 0.0, stderr=0.0, n=n, reason=f"{reason}; nothing is left, so I = 0")
        return (found.flagged(ROUNDED) if hidden else found), "", ""
    kept = [checked.matrix(part, "")[:, scatter.kept] for part, scatter in ((x, of_x), (z, of_z))]
    joint = Scatter.of(torch.cat(kept, dim=1), f"{first} and {second} together", precision)
    if joint.dependent:
        found = _degenerate(quantity, n, f"{quantity} = ∞: {second} determines a combination of {first}'s dimensions")
        return found, "", ""
    biases, variances = zip(*(wishart(scatter.size, freedom) for scatter in (of_x, of_z, joint)))
    value = (of_x.log_det + of_z.log_det - joint.log_det - biases[0] - biases[1] + biases[2]) / 2
    canonical = float((of_x.orthonormal.T @ of_z.orthonormal).square().sum())
    stderr = math.sqrt(variances[2] - variances[0] - variances[1] + 4 * canonical / freedom) / 2
    found = Estimate(quantity, "gaussian", value, stderr=stderr, n=n, reason=reason)
    found = found.flagged(ROUNDED) if hidden else found
    if not tested:
        return found, "", ""
    alone = of_x.doubt(f"{of}{first}", 2) or of_z.doubt(f"{of}{second}", 2)
    return found, joint.doubt(f"{of}{first} and {second} together ({first} first)"), alone


def gaussian_information(z: Tensor, y: Tensor) -> dict[str, Estimate]:
    """H[Z], H[Z|Y], I[Y;Z] and H[Y|Z] in nats from samples z (N, K) and labels y (N,), each class one Gaussian.

    H[Z] comes from the covariance of all samples, H[Z|Y] from the covariances within the classes. Both are upper
    bounds; H[Z|Y] is exact where the classes are Gaussian. Z as a whole is then not Gaussian, so I[Y;Z] = H[Z] − H[Z|Y]
    is an upper bound *if* the classes are Gaussian, and neither bound nor estimate otherwise. Quantities are flagged
    where tests find that Z, or Z within a class, is not Gaussian (`normality`), and where I[Y;Z] exceeds H[Y], which it
    cannot. The standard errors are the errors of means over samples.

    Dimensions that are constant or combinations of others are left out and the `reason` of I[Y;Z] says so; H[Z] and
    H[Z|Y] are then −∞, with `value` None. Where dimensions are so within a class only, H[Z|Y] is −∞ and I[Y;Z] ∞, with
    `value` None. Where a class has fewer than K + 2 samples, H[Z] alone has a value. Raises ValueError for NaN,
    infinities, N ≤ K + 1 and labels that are not integers.
    """
    z = inputs.numbers(z, "z", CLASSES)
    precision, z = precision_of(z), checked.matrix(z, "z")
    index, counts = checked.classes(y, len(z), at_least=1, device=z.device)
    whole, least = Scatter.of(z, "z", precision), z.shape[1] + 2
    left_out = whole.left_out("z")
    entropy = _of_terms("H[Z]", whole.surprise(), f"−∞: {left_out}" if left_out else "")
    doubt = whole.doubt("z")
    found = {"H[Z]": doubted(dataclasses.replace(entropy, upper=entropy.value), doubt, "H[Z] is an upper bound")}
    if few := checked.rare_class(y, least):
        reason = f"{few}; a covariance within it needs {least} or more"
        return found | {name: _degenerate(name, len(z), f"{name}: {reason}") for name in ("H[Z|Y]", "I[Y;Z]", "H[Y|Z]")}
    terms, infinite, doubt_within = _within(z[:, whole.kept], index, len(counts), precision)
    of_entropy = f"−∞: {left_out or infinite}" if left_out or infinite else ""
    within = _of_terms("H[Z|Y]", terms, of_entropy)
    found["H[Z|Y]"] = doubted(dataclasses.replace(within, upper=within.value), doubt_within, "H[Z|Y] is an upper bound")
    preserved, most = whole.surprise() - terms, checked.entropy_of_labels(counts)
    for quantity, values, extreme in (("I[Y;Z]", preserved, "∞"), ("H[Y|Z]", most - preserved, "−∞")):
        estimate = _of_terms(quantity, values, f"{extreme} for Gaussians: {infinite}" if infinite else "")
        if estimate.value is not None:
            estimate = dataclasses.replace(estimate, reason=_without(left_out))
            if float(preserved.mean()) > most:
                estimate = estimate.flagged(f"I[Y;Z] exceeds H[Y] = {most:.3f}: Z is not one Gaussian")
            estimate = doubted(doubted(estimate, doubt, "H[Z] is too large"), doubt_within, "H[Z|Y] is too large")
        found[quantity] = estimate
    return found


def _within(z: Tensor, index: Tensor, classes: int, precision: float) -> tuple[Tensor, str, str]:
    """Terms (N,) of H[Z|Y]; in which class z (N, K) has no density; why a class is not Gaussian. Words, or ''."""
    terms, infinite, doubt = torch.zeros_like(index, dtype=z.dtype), "", ""
    for label in range(classes if z.shape[1] else 0):
        name = f"z within class {label} of the labels in order"
        of_class = Scatter.of(z[index == label], "z of a class", precision)
        infinite = infinite or of_class.left_out(name)
        doubt = doubt or of_class.doubt(name, classes)
        terms[index == label] = of_class.surprise()
    return terms, infinite, doubt


def doubted(estimate: Estimate, why: str, so: str) -> Estimate:
    """The estimate, flagged where `why` is not empty; `so` says what becomes of the value."""
    return estimate.flagged(f"{why}; {so}") if why and estimate.value is not None else estimate


def _of_terms(quantity: str, terms: Tensor, infinite: str) -> Estimate:
    """The mean of terms (N,); no value where `infinite` is not empty: it holds ±∞ and the reason."""
    n = len(terms)
    if infinite:
        return _degenerate(quantity, n, f"{quantity} = {infinite}")
    return Estimate(quantity, "gaussian", float(terms.mean()), stderr=float(terms.std()) / math.sqrt(n), n=n)


def _degenerate(quantity: str, n: int, reason: str) -> Estimate:
    """An estimate without a value: the quantity is no finite number."""
    return Estimate(quantity, "gaussian", None, n=n, saturated=True, reason=reason)


def _without(left_out: str) -> str:
    return f"left out {left_out}" if left_out else ""
