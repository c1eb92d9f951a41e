"""The information bottleneck of jointly Gaussian x and y, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

ENTROPY_OF_UNIT = 0.5 * np.log(2 * np.pi * np.e)  # nats, of a standard normal


@dataclass(frozen=True)
class GaussianPoint:
    """Optima of R + γC, in nats; arrays have the shape of the given γ."""

    gamma: NDArray[np.float64]
    R: NDArray[np.float64]  # I(X;Z)
    C: NDArray[np.float64]  # h(Y|Z) = h(Y) − I(Y;Z), a differential entropy
    J: NDArray[np.float64]  # R + γC
    y_information: NDArray[np.float64]  # I(Y;Z)


class GaussianIB:
    """min I(X;Z) − γ I(Y;Z) over all z of jointly Gaussian x, y (Chechik, Globerson, Tishby and Weiss 2005).

    The optimum is z = A(γ) x + ξ, ξ ~ N(0, I). The rows of A are left eigenvectors of Σ_{x|y} Σ_x⁻¹
    (their Theorem 3.1); the i-th appears where γ passes its critical value 1 / (1 − λ_i). Here R + γC is minimised,
    with C = h(Y|Z).
    """

    def __init__(self, covariance: ArrayLike, inputs: int) -> None:
        """`covariance` (n + m, n + m) of x and y together; the first n = `inputs` dimensions are x.

        Raises ValueError unless it is a square, symmetric, positive definite matrix of more dimensions than x has.
        """
        joint = np.asarray(covariance, dtype=np.float64)
        if joint.ndim != 2 or joint.shape[0] != joint.shape[1] or not 0 < inputs < len(joint):
            raise ValueError(f"covariance: square, with more dimensions than the {inputs} of x, not {joint.shape}")
        if not np.allclose(joint, joint.T, rtol=0, atol=1e-10 * np.abs(joint).max()):
            raise ValueError("covariance: must be symmetric")
        try:
            np.linalg.cholesky(joint)
        except np.linalg.LinAlgError:
            raise ValueError("covariance: must be positive definite") from None
        of_x, of_y = np.linalg.cholesky(joint[:inputs, :inputs]), np.linalg.cholesky(joint[inputs:, inputs:])
        whitened = solve_triangular(of_x, joint[:inputs, inputs:], lower=True)
        whitened = solve_triangular(of_y, whitened.T, lower=True).T
        vectors, correlations, _ = np.linalg.svd(whitened)
        squares = np.zeros(inputs)
        squares[: len(correlations)] = correlations**2
        self.eigenvalues: NDArray[np.float64] = 1 - squares  # (n,) λ_i, ascending
        with np.errstate(divide="ignore"):
            self.critical: NDArray[np.float64] = 1 / squares  # (n,) the γ at which each appears, ascending
        self.x_entropy, self.y_entropy = _entropy(of_x), _entropy(of_y)  # h(X), h(Y)
        self._rows = solve_triangular(of_x, vectors, lower=True, trans=1).T  # (n, n) v_iᵀ, of Σ_x-norm 1

    def projection(self, gamma: float) -> NDArray[np.float64]:
        """A(γ), (n, n): row i is α_i v_iᵀ, α_i² = (γ (1 − λ_i) − 1) / λ_i as v_iᵀ Σ_x v_i = 1, 0 below its critical γ.

        Raises ValueError for a γ that is negative or not finite.
        """
        excess = np.maximum(_multipliers(gamma) * (1 - self.eigenvalues) - 1, 0)
        return np.sqrt(excess / self.eigenvalues)[:, None] * self._rows

    def __call__(self, gamma: ArrayLike) -> GaussianPoint:
        """The optima at one γ or an array of them (sums over the eigenvalues that have appeared).

        Raises ValueError for a γ that is negative or not finite.
        """
        gamma = _multipliers(gamma)
        strength = np.maximum(gamma[..., None] * (1 - self.eigenvalues), 1)  # γ (1 − λ_i), 1 until it appears
        rate = 0.5 * np.log1p((strength - 1) / self.eigenvalues)  # ½ ln (1 + α_i²)
        preserved = (rate - 0.5 * np.log(strength)).sum(-1)
        rate, left = rate.sum(-1), self.y_entropy - preserved
        return GaussianPoint(gamma, rate, left, rate + gamma * left, preserved)


def _entropy(factor: NDArray[np.floating[Any]]) -> float:
    """½ ln |2πe Σ| in nats, from Cholesky's factor of Σ."""
    return float(ENTROPY_OF_UNIT * len(factor) + np.log(np.diag(factor)).sum())


def _multipliers(gamma: ArrayLike) -> NDArray[np.float64]:
    gamma = np.asarray(gamma, dtype=np.float64)
    if not (np.isfinite(gamma).all() and (gamma >= 0).all()):
        raise ValueError("gamma: must be finite and not negative")
    return gamma
