"""Checks of an estimator's input before anything is computed: one clear line for each thing that is wrong."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ib_cli.estimators import inputs


def matrix(values: inputs.Samples, name: str) -> Tensor:
    """`values` (N,) or (N, K) as float64 (N, K), detached; ValueError for other shapes, N < 2, NaN and infinities."""
    values = inputs.given(values, name)
    if values.dim() == 1:
        values = values.unsqueeze(1)
    if values.dim() != 2 or values.shape[0] < 2 or values.shape[1] < 1:
        raise ValueError(
            f"{name} must have the shape (samples, dimensions) with 2 samples or more, not {_shape(values)}"
        )
    values = values.double()
    if not values.isfinite().all():
        raise ValueError(f"{name} has {int((~values.isfinite()).sum())} values that are NaN or infinite")
    return values


def scales(scale: inputs.Samples | float, mean: Tensor) -> Tensor:
    """Standard deviations as float64: (K,) where they are the same for every sample of `mean` (N, K), else (N, K).

    ValueError for another shape than (), (K,) or (N, K), and for values that are not positive and finite.
    """
    if not isinstance(scale, Tensor):
        scale = torch.from_numpy(np.array(scale, dtype=np.float64))
    scale = scale.detach().to(mean.device, torch.float64)
    if tuple(scale.shape) not in ((), tuple(mean.shape[1:]), tuple(mean.shape)):
        raise ValueError(f"scale must be a number, (K,) or (N, K) like the mean {_shape(mean)}, not {_shape(scale)}")
    if not (scale.isfinite().all() and (scale > 0).all()):
        raise ValueError(f"scale must be positive and finite; its smallest value is {float(scale.min())}")
    if scale.dim() == 2 and bool((scale == scale[0]).all()):
        return scale[0]
    return scale.expand(mean.shape[1]) if scale.dim() == 0 else scale


def same_length(first: Tensor, second: Tensor, names: str) -> None:
    """Raises ValueError unless both have the same number of samples."""
    if len(first) != len(second):
        raise ValueError(f"{names} must have as many samples: {len(first)} is not {len(second)}")


def classes(y: inputs.Samples, n: int, at_least: int = 2, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Labels (N,) as class indices 0 … C−1 (N,), in the order of the labels, and the number of samples per class (C,).

    Both on `device`; None: on the labels' own. Labels (N, 1) serve, too. ValueError for labels that are no integers,
    booleans or strings, or not `n` of them, and for a class of fewer than `at_least` samples.
    """
    y = inputs.labels(y)
    if len(y) != n:
        raise ValueError(f"labels must have the shape ({n},), one for each sample, not {_shape(y)}")
    _, index, counts = y.to(device or y.device).unique(return_inverse=True, return_counts=True)
    if few := rare_class(y, at_least):
        raise ValueError(f"{few}; {at_least} or more are needed")
    return index, counts


def rare_class(y: inputs.Samples, at_least: int) -> str:
    """The smallest class of labels (N,) and its size, in words; empty if none has fewer than `at_least` samples."""
    found, counts = inputs.labels(y).unique(return_counts=True)
    count = int(counts.min())
    if count >= at_least:
        return ""
    return f"class {int(found[counts.argmin()])} has {count} sample{'s' * (count != 1)}"


def entropy_of_labels(counts: Tensor) -> float:
    """H[Y] in nats of the labels' own frequencies, from the number of samples per class (C,)."""
    p = counts.double() / counts.sum()
    return float(-(p * p.log()).sum())


def _shape(values: Tensor) -> str:
    return str(tuple(values.shape))
