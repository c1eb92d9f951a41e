"""Parallel tempering: replicas at several temperatures that change places."""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.sampling.boltzmann import Point


def swapped(point: Point, beta: Tensor, first: int, uniform: Tensor) -> tuple[Point, Tensor]:
    """The point after swaps of replicas at neighbouring temperatures, and the swaps' probabilities, (pairs, M).

    `point` holds the M chains at beta[0], then the M at beta[1], …; beta is (K,). The pairs of temperatures
    (first, first + 1), (first + 2, first + 3), … are tried; `uniform` is (pairs, M). A pair i, j changes places with
    probability min(1, exp((β_i − β_j)(E_i − E_j))) (Swendsen and Wang 1986; Geyer 1991), which keeps the law Π_i π_i.
    Take `first` as 0 and 1 in turn.
    """
    K = len(beta)
    low = torch.arange(first, K - 1, 2, device=beta.device)
    index = torch.arange(len(point.theta), device=beta.device).view(K, -1)
    energy = point.energy.view(K, -1)
    ratio = (beta[low] - beta[low + 1]).unsqueeze(1) * (energy[low] - energy[low + 1])
    probability = ratio.exp().clamp(max=1).nan_to_num(0.0)
    accepted = uniform < probability
    a, b = index[low], index[low + 1]
    index[low], index[low + 1] = torch.where(accepted, b, a), torch.where(accepted, a, b)
    return point.rows(index.flatten()), probability
