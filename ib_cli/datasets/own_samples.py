"""Samples of a person's own, brought into the form in which a run's data are stored."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from ib_cli.datasets.data import Data

log = logging.getLogger(__name__)


def stored_x(x: Tensor | np.ndarray, data: Data) -> Tensor:
    """x (N, *input_shape) on the data's device, of their type; bytes are whitened where the data are.

    Grey images may lack their channel: (N, H, W). Raises ValueError for another shape, for what is no number or not
    finite, and where there is no sample. Warns of values that can hardly be in the units of the run's data.
    """
    given, shape = _tensor(x, "x").to(data.device), data.spec.input_shape
    if len(given) == 0:
        raise ValueError("x has no samples")
    if shape[:1] == (1,) and tuple(given.shape[1:]) == shape[1:]:
        given = given.unsqueeze(1)
    if tuple(given.shape[1:]) != shape:
        raise ValueError(f"x has shape {tuple(given.shape)}: a sample's shape is {shape}, and one is needed")
    if given.is_complex() or not given.double().float().isfinite().all():
        raise ValueError("x must hold real, finite numbers that fit float32: no NaN and none infinite")
    if data.whitening is not None and given.dtype == torch.uint8:
        return data.whitening(given)
    stored = data.splits["train"].x.dtype
    if stored != torch.uint8:
        return given.to(stored)
    _doubt_levels(given, data.spec.levels or 256)
    return given.float() if given.is_floating_point() else given


def stored_y(y: Tensor | np.ndarray, count: int, data: Data) -> Tensor:
    """y (count,) labels or (count, d) numbers, as the model sees them, on the data's device.

    Raises ValueError for another shape, labels that the data do not have, and numbers that are not finite.
    """
    given, classes = _tensor(y, "y").to(data.device), data.spec.classes
    if classes is not None:
        if given.shape != (count,) or given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
            raise ValueError(f"y must be {count} whole numbers, a label for each x, not {_told(given)}")
        if given.min() < 0 or given.max() >= classes:
            raise ValueError(f"y must be labels 0 … {classes - 1}, as in training, not {given.min()} … {given.max()}")
        return given.long()
    given = given.unsqueeze(1) if given.dim() == 1 and data.spec.target_shape == (1,) else given
    if tuple(given.shape) != (count, *data.spec.target_shape) or given.is_complex():
        raise ValueError(f"y must have shape {(count, *data.spec.target_shape)}, not {_told(given)}")
    if not given.double().float().isfinite().all():
        raise ValueError("y must hold finite numbers that fit float32: no NaN and none infinite")
    return given.float() if data.target_scale is None else data.target_scale(given)


def unknown_y(count: int, data: Data) -> Tensor:
    """Zeros in the place of a y that nobody knows, for passes that do not use it."""
    kind = torch.float32 if data.spec.classes is None else torch.int64
    return torch.zeros(count, *data.spec.target_shape, dtype=kind, device=data.device)


def _tensor(values: Tensor | np.ndarray, name: str) -> Tensor:
    """Raises ValueError for what is no array of numbers."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must hold numbers, not {np.asarray(values).dtype}") from None


def _told(given: Tensor) -> str:
    return f"{tuple(given.shape)} of {str(given.dtype).removeprefix('torch.')}"


def _doubt_levels(x: Tensor, levels: int) -> None:
    """Warns where x cannot be in whole grey levels 0 … levels − 1."""
    low, high, most = x.min().item(), x.max().item(), levels - 1
    if low < 0 or high > most:
        log.warning("x goes from %g to %g, and this run's data from 0 to %d: it is taken as it is", low, high, most)
    elif x.is_floating_point() and high <= 1:
        log.warning("x lies within 0 and 1, and this run's data go from 0 to %d: is it too small?", most)
