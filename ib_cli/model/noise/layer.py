"""A layer of multiplicative noise, and the block whose output it multiplies."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ib_cli.contracts.noise import NoiseOfLayer, Tape
from ib_cli.model.blocks.layers import Chain, Noisy


class NoiseLayer(nn.Module):
    """z = ε ⊙ f(x): each unit of f(x) times noise of its own, in training and in evaluations.

    It reports the KL of its noise under its name where it has a prior, and keeps its tensors where the tape asks.
    """

    on: Tensor

    def __init__(self, name: str, weight: float | None = None) -> None:
        """`name`: `noise_1` for the first place from the input. `weight` of its KL in J; None: it has no KL."""
        super().__init__()
        self.name, self.weight = name, weight
        # 1, or 0 for a pass without noise. Not a flag, so that one function serves both, and a stack of runs.
        self.register_buffer("on", torch.tensor(1.0), persistent=False)

    @abstractmethod
    def forward(self, clean: Tensor, x: Tensor, tape: Tape) -> Tensor:
        """f(x) (B, *units) and the block's input x → z, (S·B, *units) as `Tape.spread`."""


class LogNormalNoise(NoiseLayer):
    """ln ε ~ N(0, α²), so that E ε = e^{α²/2}; or N(−α²/2, α²) with `unit_mean`, so that E ε = 1."""

    def __init__(self, name: str, unit_mean: bool, weight: float | None = None) -> None:
        super().__init__(name, weight)
        self.unit_mean = unit_mean

    def shift(self, alpha: Tensor) -> Tensor | float:
        """E ln ε."""
        return -alpha.square() / 2 if self.unit_mean else 0.0

    def noisy(self, clean: Tensor, alpha: Tensor, kl: Tensor | None, tape: Tape) -> Tensor:
        """z for f(x) = `clean`, `alpha` and `kl`, (B, *units) each."""
        clean, alpha = tape.spread_all(clean, alpha)
        deviation = alpha * tape.normal(*clean.shape)
        if self.unit_mean:
            deviation = deviation + self.shift(alpha)
        z = clean * (self.on * deviation).exp().to(clean.dtype)
        if self.name in tape.keep:
            rows = None if kl is None else kl.expand(len(z) // len(kl), *kl.shape).flatten(0, 1)
            tape.keep_tensors(self.name, NoiseOfLayer(z, clean, alpha, rows))
        return z


class WithNoise(Noisy):
    """A block and the noise on its output, which may be computed from the block's input."""

    def __init__(self, block: Chain, noise: NoiseLayer) -> None:
        super().__init__()
        self.block, self.noise = block, noise
        self.monte_carlo = True

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, …) → ε ⊙ block(x)."""
        return self.noise(self.block(x, tape), x, tape)
