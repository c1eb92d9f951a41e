"""The maximum mean discrepancy between two laws, from samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Kernel = Literal["rbf", "inverse_multiquadric"]


def discrepancy_terms(x: Tensor, y: Tensor, kernel: Kernel, scales: Sequence[float]) -> Tensor:
    """Terms (n,) whose mean is the unbiased MMD² of samples x and y, (n, K) each (Gretton et al. 2012, Lemma 6, eq. 4):

        h_i = 1/(n−1) Σ_{j≠i} k(x_i, x_j) + k(y_i, y_j) − k(x_i, y_j) − k(x_j, y_i).

    With d = |a − b| and c = 2 K s², k is the mean over `scales` s of

        rbf                   exp(−d²/c),
        inverse_multiquadric  c/(c + d²).

    For N(0, I) the mean of d² is 2 K, which is c at s = 1. MMD² is 0 in expectation for equal laws, so it may be
    negative; it is at most 2, in units of k. One sample has no pairs: its term is 0.
    """
    n, size = x.shape
    with torch.autocast(x.device.type, enabled=False):  # differences of products lose their digits in 16 bits
        x, y = x.float() if x.dtype.itemsize < 4 else x, y.float() if y.dtype.itemsize < 4 else y
        both = torch.cat([x, y])
        norms = both.square().sum(1)
        squares = (norms.unsqueeze(1) + norms - 2 * both @ both.T).clamp(min=0)
    k = torch.stack([_kernel(squares, kernel, 2 * size * s**2) for s in scales]).mean(0)
    within, across = k[:n, :n] + k[n:, n:], k[:n, n:]
    others = 1 - torch.eye(n, dtype=k.dtype, device=k.device)
    return ((within - across - across.T) * others).sum(1) / max(n - 1, 1)


def _kernel(squares: Tensor, kernel: Kernel, c: float) -> Tensor:
    return (-squares / c).exp() if kernel == "rbf" else c / (c + squares)
