"""Reused memory: its pages are made once, as making them takes as long as reading them several times."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Space:
    """One piece of memory on a device, as large as the largest tensor taken so far."""

    def __init__(self, device: torch.device) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8, device=device)

    def take(self, dtype: torch.dtype, *shape: int) -> Tensor:
        """A tensor of arbitrary values, valid until the next one is taken."""
        needed = math.prod(shape) * dtype.itemsize
        if len(self._bytes) < needed:
            self._bytes = torch.empty(needed, dtype=torch.uint8, device=self._bytes.device)
        return self._bytes[:needed].view(dtype).view(shape)
