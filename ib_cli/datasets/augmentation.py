"""Random crops and flips of images that live on the device."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


class CropFlip:
    """Shifts each image by up to `crop` pixels each way over a border of stored value 0, and mirrors it or not.

    The images are padded once. Every crop is then a window of one view of them, so that a batch of crops is a single
    gather, on any device, without a loop over the images. With `flip`, an image is mirrored with probability ½.
    """

    def __init__(self, images: Tensor, crop: int, flip: bool) -> None:
        height, width = images.shape[-2:]
        padded = F.pad(images, (crop, crop, crop, crop))
        self.crop, self.flip = crop, flip
        self.images = padded[..., crop : crop + height, crop : crop + width]  # (N, C, H, W), shares the padded memory
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2 crop + 1, 2 crop + 1, H, W)
        self.windows = windows.permute(0, 2, 3, 1, 4, 5)

    def offsets(self, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """First row and column of `count` crops in the padded images: each (count,), uniform on 0 … 2 crop."""
        drawn = torch.randint(2 * self.crop + 1, (2, count), generator=generator, device=self.windows.device)
        return drawn[0], drawn[1]

    def mirrored(self, count: int, generator: Generator) -> Tensor:
        """Which of `count` images are mirrored left to right: (count,) bool, each with probability ½."""
        return torch.rand(count, generator=generator, device=self.windows.device) < 0.5

    def __call__(self, indices: Tensor, generator: Generator) -> Tensor:
        """The images at `indices` (B,), augmented: (B, C, H, W), as they are stored."""
        if self.crop:
            down, across = self.offsets(len(indices), generator)
            x = self.windows[indices, down, across]
        else:
            x = self.images[indices]
        if self.flip:
            x = torch.where(self.mirrored(len(indices), generator)[:, None, None, None], x.flip(-1), x)
        return x
