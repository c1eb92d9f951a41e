"""Location, scale and covariance of samples that a few outliers cannot move."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

NORMAL_QUARTILES = 1.3489795003921634  # distance of the quartiles of a standard normal variable
CORE = 0.9  # share of the samples, the nearest to the median, that a robust covariance is computed from
ROUNDS = 4  # maps one after another
SHRINKAGE = 0.5  # weight of the identity at as many samples as dimensions; it falls as d/N
FARTHEST = 1e30  # in units of the scale; an outlier beyond is drawn in to there
NARROW = 12  # up to this many dimensions float32 samples become float64, as trees work in it anyway


def ordered(values: Tensor) -> Tensor:
    """The values of each dimension of samples (N, d) in ascending order, (d, N)."""
    columns = values.T.contiguous()
    if columns.device.type != "cpu":
        return columns.sort(1).values
    return torch.from_numpy(np.sort(columns.numpy(), axis=1))  # several times faster than torch's


def location_and_scale(values: Tensor) -> tuple[Tensor, Tensor]:
    """Median and scale (d,) of each dimension of samples (N, d), in float64.

    The scale is the distance of the quartiles over a normal's. Where the quartiles are equal, as with many equal
    values, it is the median distance from the median of all other values; 1 for a constant dimension.
    """
    line = ordered(values)
    n = line.shape[1]
    low, middle, high = (line[:, min(int(share * n), n - 1)].double() for share in (0.25, 0.5, 0.75))
    scale = (high - low) / NORMAL_QUARTILES
    for column in (scale <= 0).nonzero()[:, 0].tolist():
        away = (line[column].double() - middle[column]).abs()
        away = away[away > 0]
        scale[column] = away.median() if len(away) else 1.0
    return middle, scale


def repeated(values: Tensor, share: float) -> int | None:
    """The first dimension of samples (N, d) where one value has more than `share` of all samples; None without one."""
    line = ordered(values)
    apart = int(share * line.shape[1])
    same = (line[:, apart:] == line[:, : line.shape[1] - apart]).any(1).nonzero()
    return int(same[0, 0]) if apart and len(same) else None


def standardised(values: Tensor) -> Tensor:
    """Samples (N, d) with median 0 and scale 1 in each dimension, so that units and offsets do not matter.

    Subtracted and divided in float64; wide float32 samples are returned in float32.
    """
    middle, scale = location_and_scale(values)
    return _as_given((values.double() - middle) / scale, values)


def scaled(values: Tensor) -> Tensor:
    """Samples (N, d) less their medians, over one scale for all dimensions: the root of the mean squared scale."""
    middle, scale = location_and_scale(values)
    return _as_given((values.double() - middle) / common_scale(scale), values)


def common_scale(scale: Tensor) -> Tensor:
    """The root mean square of scales (d,), of any size."""
    return scale.max() * (scale / scale.max()).square().mean().sqrt()


def normal_scores(values: Tensor) -> Tensor:
    """Φ⁻¹(rank/(N + 1)) of each dimension of samples (N, d), in float64; equal values share their mean rank."""
    ranks = np.stack([mean_ranks(column) for column in values.T.cpu().numpy()], 1)
    return torch.special.ndtri(torch.from_numpy(ranks).to(values.device) / (len(values) + 1))


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks (N,) of values (N,), from 1; equal values share the mean of theirs.

    As scipy.stats.rankdata, whose package takes a second to import.
    """
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    return (times.cumsum() - (times - 1) / 2)[place]


def core(values: Tensor) -> Tensor:
    """The `CORE` of standardised samples (N, d) nearest to the median, so that no outlier is among them."""
    squares = values.double().clamp(-FARTHEST, FARTHEST).square().mean(1)
    return values[squares <= squares.kthvalue(max(2, int(CORE * len(values)))).values]


def whitened(values: Tensor) -> tuple[Tensor, float]:
    """Samples (N, d) after an affine map that makes the core's covariance near 1, and ln |det| of the map back.

    H[Z] = H[white] + ln |det| holds for every invertible map, so the choice only decides how good an estimate is. The
    core is chosen anew after each of `ROUNDS` maps, so that in the end it hardly depends on the units and axes that z
    came in. The correlations of the core are mixed with the identity, weight `SHRINKAGE` d/N at most 1, as few samples
    of many dimensions do not determine them.
    """
    middle, scale = location_and_scale(values)
    white, log_det = ((values.double() - middle) / scale).clamp(-FARTHEST, FARTHEST), scale.log().sum()
    for _ in range(ROUNDS):
        inner = core(white)
        size, width = inner.shape
        mean, deviation = inner.mean(0), inner.std(0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        inner = (inner - mean) / deviation
        weight = min(1.0, SHRINKAGE * width / size)
        correlation = (1 - weight) * (inner.T @ inner) / (size - 1)
        correlation.diagonal().add_(weight)
        factor = torch.linalg.cholesky(correlation)
        white = torch.linalg.solve_triangular(factor, ((white - mean) / deviation).T, upper=False).T.contiguous()
        log_det = log_det + deviation.log().sum() + factor.diagonal().log().sum()
    return _as_given(white, values), float(log_det)


def _as_given(values: Tensor, given: Tensor) -> Tensor:
    """float32 where wide samples were given so, for the memory that it saves; else float64. Squares do not overflow."""
    wide = given.dtype == torch.float32 and given.shape[1] > NARROW
    values = values.clamp(-FARTHEST, FARTHEST)
    return values.float() if wide else values
