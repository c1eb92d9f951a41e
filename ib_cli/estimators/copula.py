"""Gaussian copula: ranks make each dimension normal, the dependence is then a Gaussian's; margins by spacings."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gaussian import correlation_of, doubted, information_of
from ib_cli.estimators.robust import normal_scores
from ib_cli.estimators.scatter import Scatter

STEPS = 3  # order statistics to either side; more lower the noise for a uniform density and blur the shape of any other
SCORES = "the copula of "  # what is tested, in words
INSTEAD = "kraskov and gaussian take labels"
BLUR = 2.0  # standard errors; a larger effect of the errors of ranks is flagged
TIES = 0.05  # largest share of repeated values in a dimension; beyond it ranks are no copula


def copula_total_correlation(z: Tensor) -> Estimate:
    """TC[Z] in nats from samples z (N, K): the Gaussian TC of their normal scores, a lower bound as N → ∞.

    Ince et al. 2017, "A statistical framework for neuroimaging data analysis based on mutual information estimated via
    a Gaussian copula". Monotone maps of single dimensions do not change TC, and among all laws with the same normal
    margins and correlations the Gaussian has the least TC. So `lower` is the value. It is flagged where tests find the
    scores not to be jointly Gaussian (`normality`), and where ranks blur dimensions that nearly determine each other
    (`_blurred`). The bias correction is the Gaussian's (`gaussian_total_correlation`); for ranks it is close, not
    exact.

    A constant dimension is left out. Duplicate dimensions make TC ∞: `value` is None. A dimension with over 5 %
    repeated values is flagged, and nothing is then a bound. Raises ValueError for labels, NaN, infinities and
    N ≤ K + 1.
    """
    z = _numbers(z, "z")
    ties = _ties(z)
    scores = normal_scores(z)
    found = correlation_of(scores, f"{SCORES}z", f"TC[Z] is {_side(bool(ties))} bound")
    return _judged(_blurred(dataclasses.replace(found, lower=found.value), scores), ties)


def copula_mutual_information(x: Tensor, z: Tensor, quantity: str = "I[X;Z]") -> Estimate:
    """I[X;Z] in nats from samples x (N, K) and z (N, L): the Gaussian I of their normal scores (Ince et al. 2017).

    A lower bound as N → ∞ where the scores of x and of z are each jointly Gaussian, as those of single dimensions are.
    `lower` is then the value; it is None where tests find the scores of x or of z not to be Gaussian (`normality`).
    Where they find so for one of them or both together, the value is flagged. Corrections, degenerate dimensions and
    errors as in `gaussian_mutual_information`; ties as in `copula_total_correlation`. `quantity` names the result.
    """
    checked.same_length(x, z, "x and z")
    x, z = _numbers(x, "x"), _numbers(z, "z")
    scores = normal_scores(x), normal_scores(z)
    found, doubt, alone = information_of(*scores, quantity, SCORES)
    found = _blurred(found, torch.cat(scores, dim=1), *scores)
    ties = _ties(torch.cat([x, z], dim=1))
    found = dataclasses.replace(found, lower=None if alone else found.value)
    return _judged(doubted(found, alone or doubt, f"{quantity} is {_side(bool(alone or ties))} bound"), ties)


def copula_bound(x: Tensor, z: Tensor, least: float) -> Estimate | None:
    """`copula_mutual_information` where it is a trusted lower bound above `least` nats; None where it is not.

    Also None for too few samples. Tests are made only where the value is above.
    """
    if len(x) <= x.shape[1] + z.shape[1] + 1:
        return None
    value = information_of(normal_scores(x), normal_scores(z), "I[X;Z]", tested=False)[0].value
    if value is None or value <= least:
        return None
    found = copula_mutual_information(x, z)
    return None if found.saturated or found.lower is None else found


def copula_entropy(z: Tensor) -> Estimate:
    """H[Z] = Σ_k H[Z_k] − TC[Z] in nats from samples z (N, K), margins by spacings and TC by the Gaussian copula.

    Where a dimension has an atom (so many equal values that a spacing is empty: 4 to 7), or is a copy of another, H[Z]
    is −∞ and `value` None. As TC is a lower bound, `upper` is the value; flags are those of TC. The standard error
    treats the two parts as independent.
    """
    z = _numbers(z, "z")
    dependence = copula_total_correlation(z)
    n = len(z)
    margins = spacing_terms(z)
    atoms = (~margins.isfinite().all(0)).nonzero()[:, 0].tolist()
    if atoms or dependence.value is None or dependence.stderr is None:
        reason = f"dimensions with atoms: {', '.join(map(str, atoms))}" if atoms else dependence.reason
        return Estimate("H[Z]", "copula", None, n=n, saturated=True, reason=f"H[Z] = −∞: {reason}")
    terms = margins.sum(1)
    stderr = math.hypot(float(terms.std()) / math.sqrt(n), dependence.stderr)
    value = float(terms.mean()) - dependence.value
    upper = None if dependence.lower is None else value
    return dataclasses.replace(dependence, quantity="H[Z]", value=value, lower=None, upper=upper, stderr=stderr)


def spacing_terms(z: Tensor) -> Tensor:
    """Terms (N, K) in nats from samples z (N, K); their mean over samples estimates the entropy of each dimension.

    ln (z_(i+3) − z_(i−3)) + ψ(N + 1) − ψ(steps between the two), the indices held within 1 … N (Vasicek 1976).
    Subtracting the mean logarithm of each uniform spacing makes it unbiased for the uniform distribution. −∞ where the
    spacing is empty.
    """
    n = len(z)
    place = torch.arange(n, device=z.device)
    high, low = (place + STEPS).clamp(max=n - 1), (place - STEPS).clamp(min=0)
    values, order = z.sort(dim=0)
    steps = (high - low).double()
    expected = torch.digamma(steps) - torch.digamma(torch.tensor(n + 1.0, dtype=torch.float64, device=z.device))
    terms = (values[high] - values[low]).log() - expected.unsqueeze(1)
    return torch.empty_like(terms).scatter_(0, order, terms)


def _numbers(values: inputs.Samples, name: str) -> Tensor:
    """Numbers (N, K) in float64; ValueError for labels."""
    return checked.matrix(inputs.numbers(values, name, INSTEAD), name)


def _ties(z: Tensor) -> str:
    """How many varying dimensions of z (N, K) repeat their values, in words; '' for none."""
    distinct = torch.tensor([len(column.unique()) for column in z.T])
    tied = int(((distinct > 1) & (distinct < (1 - TIES) * len(z))).sum())
    return f"{tied} dimensions repeat over {TIES:.0%} of their values, as no density does" if tied else ""


def _side(none: bool) -> str:
    return "no" if none else "a lower"


def _blurred(estimate: Estimate, together: Tensor, *alone: Tensor) -> Estimate:
    """The estimate, flagged where the scores (N, K) `together` depend on each other so strongly that ranks blur them.

    Scores of N samples have errors of a variance of about 1/N. They add to what a dimension does not share with the
    others, 1 − R², and so lower the value by about Σ_k R_k²/(1 − R_k²)/2N, less the same of the variables `alone`. In
    tests with Gaussians the value was lower by up to three times this; flagged above two standard errors.
    """
    if estimate.value is None or not estimate.stderr:
        return estimate
    inflation = Scatter.of(together, "", 0.0).inflation - sum(Scatter.of(part, "", 0.0).inflation for part in alone)
    loss = inflation / (2 * len(together))
    if loss <= BLUR * estimate.stderr:
        return estimate
    return estimate.flagged(f"ranks blur so strong a dependence: {estimate.quantity} is too small by about {loss:.2g}")


def _judged(estimate: Estimate, ties: str) -> Estimate:
    """The estimate under this estimator's name, flagged and no bound where there are `ties`."""
    estimate = dataclasses.replace(estimate, estimator="copula")
    return dataclasses.replace(estimate, lower=None).flagged(ties) if ties else estimate
