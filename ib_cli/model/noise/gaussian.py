"""Gaussian dropout: log-normal noise of one variance for all units and samples."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from ib_cli.contracts.noise import Tape
from ib_cli.model.noise.layer import LogNormalNoise
from ib_cli.model.noise.noise import Layers, Noise, Place

LARGEST = 1e12  # of the variance: α is then 3.7, and a draw of ε may be e^20


class Gaussian(Noise):
    """Constant log-normal noise, the third curve of Achille and Soatto (2018, Fig. 3)."""

    def __init__(
        self, *, layers: Layers, variance: Annotated[float, Interval(gt=0, le=LARGEST)], unit_mean: bool
    ) -> None:
        super().__init__(layers)
        self.variance, self.unit_mean = variance, unit_mean

    def layer(self, place: Place) -> GaussianNoise:
        """Suits every place."""
        return GaussianNoise(place.name, self.variance, self.unit_mean)


class GaussianNoise(LogNormalNoise):
    """Var ε = `variance`. With u = e^{α²}, Var ε = u (u − 1) for ln ε ~ N(0, α²), and u − 1 with `unit_mean`."""

    variance: Tensor

    def __init__(self, name: str, variance: float, unit_mean: bool) -> None:
        super().__init__(name, unit_mean)
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("variance", torch.tensor(variance), persistent=False)

    @property
    def alpha(self) -> Tensor:
        """The standard deviation α of ln ε, ()."""
        v = self.variance  # α² = ln(1 + v), or ln((1 + √(1 + 4v)) / 2) = ln(1 + 2v / (1 + √(1 + 4v)))
        return torch.log1p(v if self.unit_mean else 2 * v / (1 + (1 + 4 * v).sqrt())).sqrt()

    def forward(self, clean: Tensor, x: Tensor, tape: Tape) -> Tensor:
        """f(x) (B, *units) → z (S·B, *units)."""
        return self.noisy(clean, self.alpha.expand(clean.shape), None, tape)
