"""Bounds from functionals that a model has measured, and from batches of a known encoder density."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Generator, Tensor

from ib_cli.estimators import checked, inputs
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.mixture import SEED, doubts, mixture_information


def variational_bounds(
    *,
    rate: Tensor | None = None,
    cross_entropy: Tensor | None = None,
    conditional_rate: Tensor | None = None,
    y: Tensor | None = None,
) -> dict[str, Estimate]:
    """Bounds on information from measured functionals, in nats; each functional is given per sample (N,) and optional.

    I[X;Z] ≤ R = E ln q(z|x)/m(z); H[Y|Z] ≤ C = −E ln c(y|z), so that I[Y;Z] ≥ H[Y] − C, with H[Y] the entropy of the
    labels `y` (N,); I[X;Z|Y] ≤ E ln q(z|x)/b(z|y) (Alemi et al. 2018, "Fixing a Broken ELBO"; Fischer 2020, "The
    Conditional Entropy Bottleneck"). The gaps are KL(p(z) ‖ m), E KL(p(y|z) ‖ c) and E KL(p(z|y) ‖ b). `value` is the
    bound; `upper` or `lower` repeats it. Raises ValueError for NaN, infinities, shapes that do not match, labels that
    are not integers, and where nothing is given.
    """
    asked = {"rate": rate, "cross_entropy": cross_entropy, "conditional_rate": conditional_rate}
    given = {name: _per_sample(terms, name) for name, terms in asked.items() if terms is not None}
    if len({len(terms) for terms in given.values()}) != 1:
        raise ValueError("give one of rate, cross_entropy and conditional_rate, or more of as many samples each")
    found = {}
    if "rate" in given:
        found["I[X;Z]"] = _bound("I[X;Z]", given["rate"], "upper")
    if "conditional_rate" in given:
        found["I[X;Z|Y]"] = _bound("I[X;Z|Y]", given["conditional_rate"], "upper")
    if "cross_entropy" in given:
        terms = given["cross_entropy"]
        found["H[Y|Z]"] = _bound("H[Y|Z]", terms, "upper")
        if y is not None:
            index, counts = checked.classes(y, len(terms), at_least=1, device=terms.device)
            surprise = -(counts[index].double() / len(terms)).log()
            found["I[Y;Z]"] = _bound("I[Y;Z]", surprise - terms, "lower")
    return found


def batch_bounds(mean: Tensor, scale: Tensor | float, batch: int, *, generator: Generator | None = None) -> Estimate:
    """I[X;Z] of a known encoder N(mean_i, diag scale_i²) between two bounds over batches of B samples, in nats.

    Poole et al. 2019, "On Variational Bounds of Mutual Information", structured bounds with tractable encoders. `lower`
    is InfoNCE with the density as critic, the mean of ln q(z_i|x_i) / (1/B) Σ_j q(z_i|x_j) ≤ ln B; `upper` is the same
    with the sum over j ≠ i. They are the two ends of `mixture_information` for a training set of B, averaged over the
    N // B batches of a random order; samples left over are not used. Both tighten as B grows.

    `mean` is (N, K), `scale` a number, (K,) or (N, K). Flagged where I[X;Z] comes within 2.4 nats of ln B or the ends
    are over 0.6 nats apart, and where rounding may reach 1e-4 nats in a batch. Raises ValueError as
    `mixture_information` does, and unless 2 ≤ B ≤ N.
    """
    mean = checked.matrix(mean, "mean")
    scale = checked.scales(scale, mean)
    n = len(mean)
    if not 2 <= batch <= n:
        raise ValueError(f"batch must lie between 2 and the {n} samples, not {batch}")
    generator = generator or Generator().manual_seed(SEED)
    order = torch.randperm(n, generator=generator, device=generator.device).to(mean.device)
    parts: list[Estimate] = []
    rounding: list[str] = []
    for chosen in order[: n // batch * batch].split(batch):
        of_batch = scale if scale.dim() == 1 else scale[chosen]
        of_part = mixture_information(mean[chosen], of_batch, generator=generator)
        parts.append(of_part["I[X;Z]"])
        if of_part["H[Z|X]"].saturated:  # which is exact but for rounding
            rounding = [of_part["H[Z|X]"].reason]
    value, lower, upper = (
        math.fsum(getattr(part, name) for part in parts) / len(parts) for name in ("value", "lower", "upper")
    )
    stderr = math.sqrt(math.fsum((part.stderr or 0.0) ** 2 for part in parts)) / len(parts)
    found = Estimate("I[X;Z]", "info_nce", value, lower, upper, stderr, n=len(parts) * batch)
    reasons = [*doubts(found, math.log(batch), "ln B"), *rounding]
    return found.flagged("; ".join(reasons)) if reasons else found


def _per_sample(terms: Tensor, name: str) -> Tensor:
    """Terms (N,) in float64."""
    terms = inputs.given(terms, name)
    if terms.dim() != 1:
        raise ValueError(f"{name} must have the shape (samples,), not {tuple(terms.shape)}")
    return checked.matrix(terms, name)[:, 0]


def _bound(quantity: str, terms: Tensor, side: str) -> Estimate:
    """The mean of terms (N,) as an estimate that bounds from one side."""
    value, n = float(terms.mean()), len(terms)
    found = Estimate(quantity, "variational", value, stderr=float(terms.std()) / math.sqrt(n), n=n)
    bound: dict[str, Any] = {side: value}
    return dataclasses.replace(found, **bound)
