"""Small laws of vectors and labels."""

from __future__ import annotations

import torch

from ib_cli.exact.gibbs import Law


def clouds(labels: int = 3, each: int = 12, n: int = 2, spread: float = 1.5, seed: int = 0, noise: float = 0.3) -> Law:
    """Clouds of points about corners, one for each label, which is others with a probability of 0 to 2 `noise`."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.5 * torch.randn(labels, n, generator=generator, dtype=torch.float64)
    x = centres.repeat_interleave(each, 0)
    x = x + spread * torch.randn(len(x), n, generator=generator, dtype=torch.float64)
    p = torch.rand(len(x), generator=generator, dtype=torch.float64) + 0.5
    right = torch.eye(labels, dtype=torch.float64).repeat_interleave(each, 0)
    wrong = 2 * noise * torch.rand(len(x), 1, generator=generator, dtype=torch.float64)
    joint = (p / p.sum())[:, None] * ((1 - wrong) * right + wrong / labels)
    return Law(x, joint)
