"""The Fréchet distance between two laws, by their means and covariances."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians with the moments of samples x (n, F) and y (m, F), n and m ≥ 2.

    It falls to that of the laws as n and m grow (Heusel et al. 2017, eq. 6).
    """
    return distance_of_moments(*_moments(x), *_moments(y))


def distance_of_moments(mean_x: Tensor, covariance_x: Tensor, mean_y: Tensor, covariance_y: Tensor) -> float:
    """‖μ_x − μ_y‖² + tr(Σ_x + Σ_y − 2 (Σ_x Σ_y)^½), the squared 2-Wasserstein distance of two Gaussians.

    Means (F,), covariances (F, F), in float64 (Dowson and Landau 1982).
    """
    root = _root(covariance_x)
    # Σ_x Σ_y and √Σ_x Σ_y √Σ_x have the same eigenvalues; the second is symmetric.
    eigenvalues = torch.linalg.eigvalsh(root @ covariance_y @ root).clamp(min=0)
    traces = covariance_x.trace() + covariance_y.trace() - 2 * eigenvalues.sqrt().sum()
    return max(float((mean_x - mean_y).square().sum() + traces), 0.0)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.double()
    return x.mean(0), torch.cov(x.T).reshape(x.shape[1], x.shape[1])


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
