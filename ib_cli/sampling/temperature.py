"""The temperature of chains, from their positions and gradients alone."""

from __future__ import annotations

from torch import Tensor

from ib_cli.sampling.boltzmann import Point


def virial(point: Point, precision: float, centre: Tensor) -> tuple[Tensor, Tensor]:
    """v·∇E and d − v·θ/prior² of each chain, v = θ − c, (M,) each: the quotient of their means is the temperature 1/β.

    Since ∫ ∇·(v π) = 0, ⟨v·∇U⟩ = d for U = β E + |θ|²/(2 prior²) and every constant c (the virial theorem), and so
    1/β = ⟨v·∇E⟩ / (d − ⟨v·θ⟩/prior²). It is sharpest with c in the middle of the chains' positions. `centre` is c,
    (M, d) or (d,), and must not depend on the positions that are averaged. `precision` is 1/prior².
    """
    v = point.theta - centre
    return (v * point.gradient).sum(1), point.theta.shape[1] - precision * (v * point.theta).sum(1)


def centres(theta: Tensor) -> Tensor:
    """For each of M chains (…, M, d) the mean position of the others, which its own path does not influence.

    With its own position in the mean, the virial would be too small by up to 1/M, as long as the chain remembers it.
    The centre of a single chain is 0.
    """
    return (theta.sum(-2, keepdim=True) - theta) / max(theta.shape[-2] - 1, 1)
