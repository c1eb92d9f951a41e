"""Densities over z, x or y that work in any precision and under `torch.func.vmap`.

Arguments are not validated: the check would read tensor values, which stalls a GPU and fails under vmap. Instead, the
loss is checked to be finite once an epoch.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Size, Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal
from torch.distributions.constraints import Constraint
from torch.distributions.kl import register_kl
from torch.nn.functional import log_softmax, one_hot

UNIT_RHO = 0.541324854612918  # softplus⁻¹(1): learned scales start at 1


def diagonal_gaussian(mean: Tensor, scale: Tensor) -> Independent[Normal]:
    """N(mean, diag scale²); (…, K) each, batch (…), event (K,)."""
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def mixture_of_gaussians(logits: Tensor, mean: Tensor, scale: Tensor) -> MixtureSameFamily:
    """Σ_k softmax(logits)_k N(mean_k, diag scale_k²); logits (M,), mean and scale (M, K), event (K,)."""
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, diagonal_gaussian(mean, scale), validate_args=False)


def chosen(logits: Tensor, uniform: Tensor) -> Tensor:
    """Components (n,) of probability softmax(logits)_k, from uniform numbers (n,)."""
    return torch.searchsorted(logits.softmax(0).cumsum(0)[:-1], uniform)


class Unchecked(Distribution):
    """A density whose parameters are not validated."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}


class OneHot(Unchecked):
    """P(e_k) = softmax(logits)_k over the unit vectors e_k; logits (…, K), batch (…), event (K,)."""

    has_enumerate_support = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = log_softmax(logits, -1)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.logits.exp()

    def sample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Unit vectors drawn independently, (*sample_shape, …, K)."""
        indices = Categorical(logits=self.logits, validate_args=False).sample(Size(sample_shape))
        return one_hot(indices, self.logits.shape[-1]).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of unit vectors (…, K): their product with the logits, a matrix product if shapes allow."""
        return torch.einsum("...k,...k->...", value, self.logits)

    def enumerate_support(self, expand: bool = False) -> Tensor:
        """All K unit vectors, (K, 1, …, 1, K): the same for the whole batch, over which `expand` repeats them."""
        vectors = torch.eye(self.logits.shape[-1], dtype=self.logits.dtype, device=self.logits.device)
        vectors = vectors.view(-1, *(1,) * len(self.batch_shape), len(vectors))
        return vectors.expand(-1, *self.batch_shape, -1) if expand else vectors


@register_kl(OneHot, OneHot)
def _kl_of_one_hot(q: OneHot, m: OneHot) -> Tensor:
    """Σ_k q_k (ln q_k − ln m_k), in nats, with the batches broadcast."""
    return (q.mean * (q.logits - m.logits)).sum(-1)


class Labels(Unchecked):
    """softmax(logits) over labels 0 … C − 1; logits (S, B, C), batch (S, B), event ()."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape[:-1], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probabilities (S, B) of labels (B,), for logits (S, B, C) or (S, 1, C)."""
        log_probabilities = log_softmax(self.logits, dim=-1)
        labels = value.expand(len(log_probabilities), -1).unsqueeze(-1)
        return log_probabilities.expand(-1, len(value), -1).gather(-1, labels).squeeze(-1)


class CorrelatedGaussian(Unchecked):
    """N(mean, (AᵀA)⁻¹), given a root A (d, d) of the precision: lower triangular, with a positive diagonal.

    mean (…, d), batch (…), event (d,). Every covariance has such a root, and no matrix is inverted here.
    """

    def __init__(self, mean: Tensor, root: Tensor) -> None:
        self._mean, self._root = mean, root
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, (…, d)."""
        return self._mean

    def log_prob(self, value: Tensor) -> Tensor:
        """−½ |A (y − mean)|² + Σ_i ln A_ii − (d/2) ln 2π for y (…, d)."""
        whitened = (value - self._mean) @ self._root.mT
        constant = 0.5 * math.log(2 * math.pi) * value.shape[-1]
        return self._root.diagonal().log().sum() - 0.5 * whitened.square().sum(-1) - constant
