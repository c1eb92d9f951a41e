"""The covariance of samples: which dimensions have a density, and what finite samples do to its determinant."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.linalg
import scipy.special
import torch
from torch import Tensor

from ib_cli.estimators import checked
from ib_cli.estimators.normality import not_gaussian

ROUNDINGS = 16  # of the given numbers; a dimension this close to a combination of others counts as one


@dataclasses.dataclass(frozen=True)
class Scatter:
    """The correlation matrix of samples (N, K), on the largest set of dimensions that has a density."""

    kept: list[int]  # dimensions that were kept
    standard: Tensor  # (N, d) in float64: dimensions of mean 0 and variance 1, none a combination of others
    log_spread: Tensor  # (d,) ln of their standard deviations
    log_det: float  # ln |R| of their correlation matrix
    constant: list[int]  # dimensions left out since they do not vary
    dependent: list[int]  # dimensions left out since they are combinations of those kept
    hidden: bool = False  # whether a dimension that was left out as constant does vary, within its precision

    @classmethod
    def of(cls, z: Tensor, name: str, precision: float) -> Scatter:
        """From samples (N, K); ValueError for NaN, infinities and N ≤ K + 1.

        A dimension is dependent where a pivoted QR of the samples finds it so within 16 roundings of the largest
        number, each `precision` (relative). The eigenvalues of a covariance would only see the square of that.
        """
        z = checked.matrix(z, name)
        n, size = z.shape
        if n <= size + 1:
            raise ValueError(f"{name} has {n} samples of {size} dimensions; a covariance needs {size + 2} or more")
        moves = z.amax(0) > z.amin(0)
        unit = z.abs().amax(0).where(moves, 1.0)  # so that no square over- or underflows
        z = z / unit
        spread, tolerance = z.std(0), ROUNDINGS * precision * z.abs().amax(0)
        varies = (spread > tolerance).nonzero()[:, 0].tolist()
        standard = (z[:, varies] - z[:, varies].mean(0)) / spread[varies]
        log_spread = spread[varies].log() + unit[varies].log()
        constant = sorted(set(range(size)) - set(varies))
        hidden = bool(moves[constant].any())
        if not varies:
            return cls([], standard, log_spread, 0.0, constant, [], hidden)
        triangle = torch.linalg.qr(standard, mode="r").R.cpu().numpy() / math.sqrt(n - 1)
        residual, pivots = scipy.linalg.qr(triangle, mode="r", pivoting=True)
        residual = np.abs(np.diag(residual))
        rank = int((residual > float((tolerance[varies] / spread[varies]).max())).sum())
        kept = sorted(pivots[:rank].tolist())
        dependent = sorted(varies[column] for column in pivots[rank:])
        log_det = 2 * float(np.log(residual[:rank]).sum())
        names = [varies[column] for column in kept]
        return cls(names, standard[:, kept], log_spread[kept], log_det, constant, dependent, hidden)

    @property
    def size(self) -> int:
        """d, the number of dimensions that were kept."""
        return self.standard.shape[1]

    @property
    def entropy(self) -> float:
        """½ ln |2πe Σ| of the dimensions that were kept, unbiased, in nats."""
        bias, _ = wishart(self.size, len(self.standard) - 1)
        log_det = self.log_det + 2 * float(self.log_spread.sum())
        return (self.size * math.log(2 * math.pi * math.e) + log_det - bias) / 2

    @property
    def orthonormal(self) -> Tensor:
        """An orthonormal basis (N, d) of the span of the dimensions that were kept."""
        return torch.linalg.qr(self.standard).Q

    @property
    def inflation(self) -> float:
        """Σ_k R_k²/(1 − R_k²), R_k² the share of a dimension's variance that the others explain."""
        correlations = self.standard.T @ self.standard / (len(self.standard) - 1)
        return float(torch.linalg.inv(correlations).trace()) - self.size

    def surprise(self) -> Tensor:
        """−ln N(z_i; z̄, Σ̂) (N,) in nats, of the dimensions that were kept, shifted so that the mean is `entropy`."""
        squares = (len(self.standard) - 1) * self.orthonormal.square().sum(1)
        return self.entropy + (squares - squares.mean()) / 2

    def doubt(self, name: str, among: int = 1) -> str:
        """Why these are not the samples of a Gaussian, in words; empty where tests do not say so (`not_gaussian`)."""
        if not self.size:
            return ""
        why = not_gaussian(self.standard, [f"dimension {k}" for k in self.kept], among)
        return f"{name} is not Gaussian: {why}" if why else ""

    def left_out(self, name: str) -> str:
        """The dimensions that were left out, and why, in words; empty where there are none."""
        parts = []
        if self.constant:
            parts.append(f"constant dimensions of {name}: {_some(self.constant)}")
        if self.dependent:
            parts.append(f"dimensions of {name} that are combinations of others: {_some(self.dependent)}")
        return "; ".join(parts)


def wishart(d: int, freedom: int) -> tuple[float, float]:
    """E ln |Σ̂| − ln |Σ| and Var ln |Σ̂| of a covariance of d dimensions with ν degrees of freedom (N − 1 for N samples).

    ν Σ̂ of Gaussian samples is Wishart, and ln |ν Σ̂| − ln |Σ| is a sum of logarithms of independent χ² with ν, …,
    ν − d + 1 degrees: Σ_{i<d} ψ((ν − i)/2) − d ln(ν/2), and Σ_{i<d} ψ′((ν − i)/2) (e.g. Misra et al. 2005).
    """
    half = (freedom - np.arange(d)) / 2
    bias = scipy.special.digamma(half).sum() - d * math.log(freedom / 2)
    return float(bias), float(scipy.special.polygamma(1, half).sum())


def precision_of(values: Tensor) -> float:
    """The relative rounding of the dtype in which values were given; float64's for integers."""
    return torch.finfo(values.dtype if values.is_floating_point() else torch.float64).eps


def _some(dimensions: list[int]) -> str:
    return ", ".join(map(str, dimensions[:8])) + (f" and {len(dimensions) - 8} more" if len(dimensions) > 8 else "")
