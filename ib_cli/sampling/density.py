"""The density of a law at its own samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def nearest_log_density(samples: Tensor, k: int = 3) -> Tensor:
    """ln p̂ (M,) at each of M > k samples (M, d) of p; its mean is minus the entropy, without bias as M → ∞.

    ln p̂_i = ψ(k) − ψ(M) − ln c_d − d ln ε_i, ε_i the distance to the k-th neighbour and c_d the volume of the unit
    ball (Kozachenko and Leonenko 1987). Samples must differ.
    """
    M, d = samples.shape
    distance = torch.cdist(samples, samples).kthvalue(k + 1, dim=1).values  # the first is the sample itself
    ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    psi = torch.digamma(torch.tensor([k, M], dtype=torch.float64)).tolist()
    return psi[0] - psi[1] - ball - d * distance.log()
