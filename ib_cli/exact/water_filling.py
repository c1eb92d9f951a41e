"""Reverse water-filling: the rate and squared error that a linear Gaussian model of x attains, from its covariance."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

ROUNDING = 1e-10  # relative to the largest eigenvalue: one below −ROUNDING is not rounding


class WaterPoint(NamedTuple):
    """A point of the curve."""

    R: float  # nats
    D: float  # E‖x − x̂‖², in x's unit squared
    level: float  # θ = 1/(2λ), the squared error of each component that is coded


class WaterFilling:
    """min R + λ E‖x − x̂‖² of x ~ N(mean, Σ) (Cover and Thomas, Elements of Information Theory, §10.3.3).

    With the eigenvalues s_i of Σ and the level θ = 1/(2λ): R = Σ ½ ln max(s_i/θ, 1) and D = Σ min(s_i, θ). A component
    with s_i > θ is coded as x̂_i = g_i x_i + N(0, θ g_i), g_i = 1 − θ/s_i, and x̂_i ~ N(0, s_i g_i) is its marginal.
    For x of any law with this covariance a linear encoder with Gaussian noise, a Gaussian marginal and a linear decoder
    attain the same R and D. Others may do better, so it is no bound there.
    """

    def __init__(self, covariance: Tensor) -> None:
        """`covariance` (n, n). Raises ValueError unless it is finite, square, symmetric and positive semi-definite."""
        covariance = torch.as_tensor(covariance, dtype=torch.float64, device="cpu")
        if covariance.dim() != 2 or covariance.shape[0] != covariance.shape[1] or not covariance.numel():
            raise ValueError(f"covariance: must be square, not {tuple(covariance.shape)}")
        if not covariance.isfinite().all():
            raise ValueError("covariance: must be finite")
        largest = float(covariance.abs().max())
        if float((covariance - covariance.T).abs().max()) > ROUNDING * largest:
            raise ValueError("covariance: must be symmetric")
        values, vectors = torch.linalg.eigh(covariance)
        if float(values[0]) < -ROUNDING * len(values) * largest:
            raise ValueError(f"covariance: must be positive semi-definite; its least eigenvalue is {values[0]:g}")
        self.eigenvalues = values.clamp(min=0).flip(0)  # (n,), descending
        self.components = vectors.flip(1).T  # (n, n), a row is a unit vector

    def __call__(self, lambda_: float) -> WaterPoint:
        """The optimum at λ, the weight of the squared error; λ = 0 codes nothing.

        Raises ValueError for a λ that is negative or not finite.
        """
        return self.of(lambda_, self.eigenvalues)

    def of(self, lambda_: float, variances: Tensor) -> WaterPoint:
        """R and D of this law's optimal code for another x, whose E (u_i · (x − mean))² are `variances` (n,).

        R = Σ ½ (ln(s_i/θ) + g_i (v_i/s_i − 1)), the divergence of the code from the marginal of this law, and
        D = Σ (θ/s_i)² v_i + θ g_i of the components that are coded; of the others, Σ v_i.
        """
        if not (math.isfinite(lambda_) and lambda_ >= 0):
            raise ValueError(f"lambda: must be finite and not negative, not {lambda_}")
        level = math.inf if lambda_ == 0 else 1 / (2 * lambda_)
        coded = self.eigenvalues > level
        own, other = self.eigenvalues[coded], variances.double()[coded]
        gain = 1 - level / own
        rate = (0.5 * ((own / level).log() + gain * (other / own - 1))).sum()
        error = ((1 - gain).square() * other + level * gain).sum() if len(own) else own.sum()
        return WaterPoint(float(rate), float(error + variances.double()[~coded].sum()), level)

    def coded(self, lambda_: float) -> int:
        """How many components are coded at λ."""
        return int((2 * lambda_ * self.eigenvalues > 1).sum())
