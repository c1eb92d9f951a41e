"""KL of the units of an image's layer by place: maps, and the share that lies in a box of the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def places(kl: Tensor) -> Tensor:
    """KL of units (B, C, H, W) → of places, summed over channels, (B, H, W), in nats."""
    return kl.sum(1, dtype=torch.float64)


def box_share(kl: Tensor, boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Nats in the boxes and nats in all, summed over the batch, (2,) in float64, of KL (B, C, H, W) in nats.

    `boxes`: row, column, height and width in pixels, (B, 4), of images of `size` pixels. A place of the layer stands
    for its part of the image, and counts by the fraction of this part that lies in the box.
    """
    maps = places(kl)
    rows = _overlap(boxes[:, 0], boxes[:, 2], maps.shape[1], size[0])
    columns = _overlap(boxes[:, 1], boxes[:, 3], maps.shape[2], size[1])
    inside = torch.einsum("bhw,bh,bw->", maps, rows, columns)
    return torch.stack([inside, maps.sum()])


def _overlap(start: Tensor, length: Tensor, cells: int, pixels: int) -> Tensor:
    """The fraction of each of `cells` equal parts of an axis of `pixels` in [start, start + length), (B, cells)."""
    width = pixels / cells
    low = torch.arange(cells, device=start.device, dtype=torch.float64) * width
    start, end = start.double().unsqueeze(1), (start + length).double().unsqueeze(1)
    return (torch.minimum(low + width, end) - torch.maximum(low, start)).clamp_min(0) / width
