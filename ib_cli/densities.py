"""Densities over z, made so that they work in any precision and under `torch.func.vmap`.

Arguments are not validated here: the check reads tensor values, which stops a GPU and fails under vmap;
that a loss stays finite is checked once an epoch instead.
"""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal


def diagonal_gaussian(mean: Tensor, scale: Tensor) -> Independent:
    """N(mean, diag scale²); (…, K) each, batch (…), event (K,)."""
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def mixture_of_gaussians(logits: Tensor, mean: Tensor, scale: Tensor) -> MixtureSameFamily:
    """Σ_k softmax(logits)_k N(mean_k, diag scale_k²); logits (M,), mean and scale (M, K), event (K,)."""
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, diagonal_gaussian(mean, scale), validate_args=False)
