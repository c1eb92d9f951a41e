"""The temperature that chains have, told from where they go and nothing else."""

from __future__ import annotations

from torch import Tensor

from ib_cli.sampling.boltzmann import Point


def virial(point: Point, precision: float, centre: Tensor) -> tuple[Tensor, Tensor]:
    """v·∇E and d − v·θ/prior² of each chain, v = θ − c, (M,) each: the means' quotient is the temperature 1/β.

    Since ∫ ∇·(v π) = 0, ⟨v·∇U⟩ = d for U = β E + |θ|²/(2 prior²) and every constant c (the virial theorem), and so
    1/β = ⟨v·∇E⟩ / (d − ⟨v·θ⟩/prior²). It is sharpest with c in the middle of where the chains go: `centre` is
    (M, d) or (d,), and must not depend on what is averaged. `precision` is 1/prior².
    """
    v = point.theta - centre
    return (v * point.gradient).sum(1), point.theta.shape[1] - precision * (v * point.theta).sum(1)


def centres(theta: Tensor) -> Tensor:
    """For each of M chains (…, M, d) the mean place of the others: the centre that its own way does not depend on.

    With its own place in the mean the virial would be too small by up to 1/M, as long as the chain remembers it. The
    centre of a single chain is 0.
    """
    return (theta.sum(-2, keepdim=True) - theta) / max(theta.shape[-2] - 1, 1)
