"""The map that all parts of TherML's toy model share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Quadratic(nn.Module):
    """log p(i|u) = −(w_i u − b_i)² + constant, for i of `outputs` and a real number u (TherML, App. B).

    The paper prints the minus sign before exp, which would not give probabilities.

    Two choices are ours, as the paper leaves them open. A discrete variable enters as its place among `positions`; all
    are positive, so that noise on w_i moves the centre b_i/w_i wherever it is. At the start, output i is centred at the
    i-th of `outputs` positions, with a width of about `width` spacings between positions.
    """

    def __init__(self, outputs: int, width: float = 1.0) -> None:
        super().__init__()
        places = positions(outputs)
        weight = (width * (places[1] - places[0])).reciprocal() * (1 + 0.1 * torch.randn(outputs))
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(weight * places)

    def forward(self, u: Tensor) -> Tensor:
        """u (…, 1) → logits (…, outputs)."""
        return -(self.weight * u - self.bias).square()


def positions(count: int) -> Tensor:
    """Midpoints of `count` equal parts of [0, √12], (count,). Their standard deviation is almost 1."""
    return math.sqrt(12) * (torch.arange(count) + 0.5) / count
