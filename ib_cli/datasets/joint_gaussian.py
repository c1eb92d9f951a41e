"""Jointly Gaussian x and y: the source of fresh samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Generator, Tensor

from ib_cli.datasets.source import Drawn


@dataclass(frozen=True, eq=False)
class JointGaussian:
    """(x, y) ~ N(0, Σ) with x the first n dimensions and y the others."""

    covariance: Tensor  # Σ, (n + m, n + m) float64
    x_dimensions: int  # n

    @cached_property
    def _factor(self) -> Tensor:
        # Σ is positive definite, as `Gaussian` has checked: torch's own check would wait for the device.
        return torch.linalg.cholesky_ex(self.covariance).L.float()

    def draw(self, indices: Tensor, generator: Generator) -> Drawn:
        """As many independent samples as `indices`: x (B, n) and y (B, m), float32, on the generator's device."""
        shape = (len(indices), len(self.covariance))
        together = torch.randn(shape, generator=generator, device=generator.device) @ self._factor.T
        return Drawn(together[:, : self.x_dimensions], together[:, self.x_dimensions :])

    @property
    def y_entropy(self) -> float:
        """h(Y) = ½ ln |2πe Σ_y| in nats."""
        of_y = self.covariance[self.x_dimensions :, self.x_dimensions :]
        return 0.5 * float(torch.logdet(2 * math.pi * math.e * of_y))

    def to(self, device: torch.device | str) -> JointGaussian:
        return replace(self, covariance=self.covariance.to(device))
